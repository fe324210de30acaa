/** A clock of the day that jumps by years while a command works, or between a kill and what resumes it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '../../packages/tamtrl/src/base/random.js';
import { CAMPAIGN, fault } from './campaign.js';
import { COMMANDS, expectDone, expectSame, launch, outcomeOf, workplace } from './commands.js';

const clock = fileURLToPath(new URL('jumping-clock.mjs', import.meta.url));
const env = { NODE_OPTIONS: `--import ${clock}` };

fault('clock', 'clock that jumps by years: files bit-identical, also after a kill', async (row, folder) => {
  const random = new SeededRandom('clock', CAMPAIGN.seed);
  for (const command of COMMANDS) {
    const calm = await workplace(join(folder, `${command.name} calm`));
    const whole = await launch(command.start, { cwd: calm });
    expectDone(whole, 'the undisturbed run');
    const expected = await outcomeOf(calm);
    await row.case(command.name, async () => {
      const cwd = await workplace(join(folder, command.name));
      expectDone(await launch(command.start, { cwd, env }), 'with a clock that jumps');
      expectSame(await outcomeOf(cwd), expected);
    });
    await row.case(`${command.name}, killed`, async () => {
      const cwd = await workplace(join(folder, `${command.name} killed`));
      const killAfter = (0.5 + 0.4 * random.next()) * whole.seconds;
      const killed = await launch(command.start, { cwd, env, killAfter });
      if (killed.code !== 0) {
        const again = await launch(command.resume, { cwd, env });
        if (again.code !== 0) expectDone(await launch(command.start, { cwd, env }), 'begun again');
      }
      expectSame(await outcomeOf(cwd), expected);
      await rm(cwd, { recursive: true });
    });
  }
});
