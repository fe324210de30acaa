/** Finds and downloads data set files on the Hugging Face hub, by "hf:owner/name". */
import {
  downloadHubFile,
  type HubAddress,
  type HubRepository,
  hubFailure,
  isHubAddress,
  listHubFiles,
  parseHubAddress,
} from '../../base/hub.js';
import { DataError } from '../errors.js';

/** `path` is a file's path in the repository, or a prefix of several. */
export type HubSource = HubAddress;

/** "hf:owner/name[@revision][:path]"; undefined for text that does not begin with "hf:". */
export function parseHubSource(source: string): HubSource | undefined {
  if (!isHubAddress(source)) return undefined;
  const address = parseHubAddress(source);
  if (address) return address;
  throw new DataError(
    'invalid-argument',
    `"${source}" does not name data on the hub: expected hf:owner/name, hf:owner/name@revision or hf:owner/name:path.`,
  );
}

const DATA_FILE = /\.(parquet|jsonl?|json|ndjson)(\.gz|\.zst)?$/i;

/**
 * Downloads the files that a source names and returns their paths.
 * @throws DataError `file` if the server does not answer, or has no such data set or file. The message lists the files
 *   that exist.
 */
export async function downloadHubFiles(source: HubSource, onFile?: (path: string) => void): Promise<string[]> {
  const { repository, revision, path } = source;
  const place: HubRepository = { type: 'dataset', repository, revision };
  const name = `hf:${repository}${revision === undefined ? '' : `@${revision}`}`;
  try {
    const found = (await listHubFiles(place, { recursive: true })).filter((file) => DATA_FILE.test(file));
    const wanted = path === undefined ? found : found.filter((file) => file === path || file.startsWith(path));
    if (wanted.length === 0 || (path === undefined && found.length > 1)) {
      const list = found.slice(0, 12).join(', ');
      throw new DataError(
        'file',
        `${name} has ${found.length} data files${path === undefined ? '' : `, none at "${path}"`}: ${list}${found.length > 12 ? ', …' : ''}. Name one file, or the beginning of several: ${name}:${found[0] ?? 'PATH'}.`,
      );
    }
    const places: string[] = [];
    for (const file of wanted) {
      onFile?.(file);
      places.push(await downloadHubFile(place, file));
    }
    return places;
  } catch (error) {
    if (DataError.isInstance(error)) throw error;
    const why = {
      key: 'the key in HF_TOKEN is missing or not allowed to read it',
      missing: 'there is no such data set or revision',
      other: (error as Error).message,
    };
    throw new DataError('file', `Cannot read ${name}: ${why[hubFailure(error).reason]}.`, { cause: error });
  }
}
