/** Writes a run in the forms that take a folder. Nothing that is there already is replaced, but for event files. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, writeWhole } from '../../base/files.js';
import { entriesOf } from '../../data/files/output.js';
import { RunError } from '../../run/errors.js';
import type { RunFolder } from '../../run/folder.js';
import { jsonLines } from '../../run/metrics-file.js';
import { rolloutSummaries } from './rollout-summaries.js';
import { eventFile } from './run-log.js';
import { eventFileName } from './tensorboard.js';

/** @throws RunError `settings` if the folder holds something else than event files. */
export async function writeEventFolder(run: RunFolder, place: string): Promise<void> {
  const lines = await run.readMetrics();
  const entries = await entriesOf(place);
  const other = entries.find((name) => !name.includes('tfevents'));
  if (other !== undefined) {
    throw new RunError(
      'settings',
      `--out: ${place} holds something else (${other}). Name a new folder for the event file.`,
    );
  }
  for (const name of entries) await rm(join(place, name));
  await mkdir(place, { recursive: true });
  const { mtimeMs } = await stat(run.file('metrics'));
  await writeWhole(join(place, eventFileName(new Date(mtimeMs))), eventFile(lines, mtimeMs));
}

/** @throws RunError `settings` if the run keeps no rollouts, or the folder has such summaries already. */
export async function writeSummaryFolder(run: RunFolder, place: string): Promise<void> {
  const groups = await run.readGroups();
  if (groups.length === 0) {
    throw new RunError(
      'settings',
      `${run.path} keeps no groups of rollouts: an earlier version wrote it, or savedGroups.perStep is 0.`,
    );
  }
  const files = rolloutSummaries(groups);
  if (await exists(join(place, files[0].path))) {
    throw new RunError(
      'settings',
      `--out: ${place} holds rollout summaries already. Name a new folder, or remove them.`,
    );
  }
  for (const { path, lines } of files) {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeWhole(join(place, path), jsonLines(lines));
  }
}
