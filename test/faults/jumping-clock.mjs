/** Preloaded into a process: its clock of the day jumps by up to ten years, back and forth, about every 50 ms. */
import { random } from '../../tools/fuzz-mutate.mjs';

const YEAR = 365 * 86_400_000;
const Own = Date;
const draw = random(Number(process.env.TAMTRL_FAULTS_SEED ?? 1) + process.pid);
const shown = () => Own.now() + shift;
let shift = 0;
setInterval(() => {
  shift = Math.round((draw() - 0.5) * 20 * YEAR);
}, 50).unref();

globalThis.Date = class extends Own {
  constructor(...args) {
    super(...(args.length === 0 ? [shown()] : args));
  }
  static now() {
    return shown();
  }
};
