/** Processes that are killed at random moments of their work and resumed end as if nobody had killed them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SeededRandom } from '../../packages/tamtrl/src/base/random.js';
import { CAMPAIGN, fault, type Row } from './campaign.js';
import { COMMANDS, type Command, expectDone, expectSame, launch, outcomeOf, workplace } from './commands.js';

/** A kill that comes after the end is tried again that much earlier. */
const EARLIER = 0.8;
/** What a command answers that makes a file once: the kill came when it was there and the process not yet gone. */
const MADE_ALREADY = /already exists \(\d+ bytes\)/;
/** What a command answers that has saved nothing to resume from. */
const NOTHING_SAVED = /There is no (run|evaluation) in|nothing was saved/;

for (const command of COMMANDS) {
  fault('kills', `${command.name} killed and resumed: files bit-identical`, async (row, folder) => {
    const undisturbed = await workplace(join(folder, 'undisturbed'));
    const whole = await launch(command.start, { cwd: undisturbed });
    expectDone(whole, 'the undisturbed run');
    const expected = await outcomeOf(undisturbed);
    const random = new SeededRandom(`kills of ${command.name}`, CAMPAIGN.seed);
    const kills = Math.max(1, Math.round((CAMPAIGN.kills * command.share) / 100));
    let begunAgain = 0;
    for (let at = 0; at < kills; at++) {
      // Spread over the whole duration, at random within each part of it.
      const moment = ((at + random.next()) / kills) * whole.seconds;
      await row.case(`killed after ${moment.toFixed(3)} s`, async () => {
        const cwd = join(folder, String(at));
        await killed(command, cwd, moment);
        if (await resumed(command, cwd)) begunAgain++;
        expectSame(await outcomeOf(cwd), expected);
        await rm(cwd, { recursive: true });
      });
    }
    row.notes = notesOf(row, begunAgain);
  });
}

function notesOf({ tried, failures }: Row, begunAgain: number): string {
  return `${tried - failures.length} identical; ${begunAgain} had saved nothing and were begun again`;
}

async function killed({ start }: Command, cwd: string, moment: number): Promise<void> {
  for (let killAfter = moment; ; killAfter *= EARLIER) {
    await workplace(cwd);
    const { signal } = await launch(start, { cwd, killAfter });
    if (signal === 'SIGKILL') return;
    await rm(cwd, { recursive: true });
  }
}

/** @returns whether it had to be begun again, because nothing was saved */
async function resumed({ name, start, resume }: Command, cwd: string): Promise<boolean> {
  const again = await launch(resume, { cwd });
  if (again.code === 0 || (name === 'data generate' && MADE_ALREADY.test(again.err))) return false;
  if (resume === start || !NOTHING_SAVED.test(again.err)) expectDone(again, 'the resumed run');
  expectDone(await launch(start, { cwd }), 'the run that was begun again');
  return true;
}
