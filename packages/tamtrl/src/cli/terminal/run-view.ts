/**
 * What a run prints on stderr while it works. On a terminal one line is drawn over and over, and evaluations stay;
 * in a pipe, every step and every evaluation is one line, without control characters.
 */

import { withoutControls } from '../../base/controls.js';
import { count, duration } from '../../base/format.js';
import { evaluationLine, openedLine, stepParts } from '../../report/run-lines.js';
import type { RunEvent } from '../../run/open.js';
import { TimeLeft, type TimeLeftOptions } from '../../run/time-left.js';
import type { RunProgress } from '../../train/loop.js';
import type { SftMetrics, StepMetrics } from '../../train/metrics.js';
import type { Io } from './io.js';

/** Milliseconds between two drawings of the line. */
const REDRAW = 100;

export class RunView {
  readonly #io: Io;
  readonly #steps: number;
  readonly #now: () => number;
  readonly #timeLeft: TimeLeft;
  #line = '';
  #detail = '';
  #drawn = Number.NEGATIVE_INFINITY;
  #visible = false;

  /** @param now milliseconds */
  constructor(io: Io, options: TimeLeftOptions, now: () => number = () => performance.now()) {
    this.#io = io;
    this.#steps = options.steps;
    this.#now = now;
    this.#timeLeft = new TimeLeft(options);
  }

  /** A line that stays. */
  note(text: string): void {
    this.#erase();
    this.#io.err(`${text}\n`);
    this.#draw();
  }

  event(event: RunEvent): void {
    const seconds = this.#now() / 1000;
    switch (event.type) {
      case 'opened':
        this.note(openedLine(event));
        break;
      case 'restarted':
        this.note(`The earlier run in ${event.folder} saved nothing, so the run starts again.`);
        break;
      case 'warning':
        this.note(`Warning: ${event.text}`);
        break;
      case 'reading':
        this.note('Reading held-out questions for the report.');
        break;
      case 'started':
        this.#timeLeft.started(event.step, seconds);
        this.note(`${event.resumed ? `Continuing after step ${event.step}` : 'Training'} in ${event.folder}`);
        break;
      case 'evaluation':
        this.#timeLeft.evaluated(seconds);
        this.#detail = '';
        this.note(evaluationLine(event.metrics));
        break;
      case 'step':
        this.#timeLeft.stepped(event.metrics.step, seconds);
        this.#step(event.metrics);
        break;
      case 'finished':
        this.end();
        break;
    }
  }

  /** Within long calls; only a terminal shows it. */
  readonly tick = ({ phase, finished, total, step }: RunProgress): void => {
    if (!this.#io.interactive) return;
    const what = phase === 'evaluate' ? 'evaluating' : `step ${step} ${phase}`;
    this.#detail = `${what} ${count(finished)}/${count(total)}`;
    if (this.#now() - this.#drawn >= REDRAW) this.#draw();
  };

  /** Nothing is drawn over any more. */
  end(): void {
    this.#erase();
    this.#line = '';
    this.#detail = '';
  }

  #step(metrics: StepMetrics | SftMetrics): void {
    const left = this.#timeLeft.seconds();
    const parts = [...stepParts(metrics), ...(left === undefined ? [] : [`${duration(left)} left`])];
    this.#line = `step ${metrics.step}/${this.#steps}: ${parts.join(', ')}`;
    this.#detail = '';
    if (this.#io.interactive) this.#draw();
    else this.#io.err(`${this.#line}\n`);
  }

  #draw(): void {
    if (!this.#io.interactive) return;
    const text = [this.#line, this.#detail].filter((part) => part !== '').join(' | ');
    this.#erase();
    if (text === '') return;
    // One column free: some terminals break the line when the last one is filled.
    this.#io.err(withoutControls(text).slice(0, Math.max(1, this.#io.columns() - 1)));
    this.#visible = true;
    this.#drawn = this.#now();
  }

  #erase(): void {
    if (this.#visible) this.#io.erase?.(0);
    this.#visible = false;
  }
}
