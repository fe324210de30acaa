/** Files of data sets on the Hugging Face hub, by "hf:owner/name". They are kept in the hub's own cache folder. */
import { DataError } from '../errors.js';

export interface HubSource {
  /** "owner/name" */
  repository: string;
  revision?: string;
  /** A file's path in the repository, or the beginning of one. */
  path?: string;
}

/** "hf:owner/name[@revision][:path]"; undefined for anything else. */
export function parseHubSource(source: string): HubSource | undefined {
  const [, repository, revision, path] = /^hf:([\w.-]+\/[\w.-]+)(?:@([^:]+))?(?::(.+))?$/.exec(source) ?? [];
  if (repository === undefined) {
    if (!source.startsWith('hf:')) return undefined;
    throw new DataError(
      'invalid-argument',
      `"${source}" does not name data on the hub: expected hf:owner/name, hf:owner/name@revision or hf:owner/name:path.`,
    );
  }
  return { repository, revision, path };
}

const DATA_FILE = /\.(parquet|jsonl?|json|ndjson)(\.gz|\.zst)?$/i;

/**
 * Downloads the files that a source names and returns where they are. The server is HF_ENDPOINT if that is set, the key
 * HF_TOKEN.
 * @throws DataError `file` if the server does not answer, or has no such data set or file; with what there is.
 */
export async function downloadHubFiles(source: HubSource, onFile?: (path: string) => void): Promise<string[]> {
  const { downloadFileToCacheDir, listFiles } = await import('@huggingface/hub');
  const { repository, revision, path } = source;
  const common = {
    repo: { type: 'dataset', name: repository } as const,
    ...(revision === undefined ? {} : { revision }),
    ...(process.env.HF_ENDPOINT ? { hubUrl: process.env.HF_ENDPOINT.replace(/\/+$/, '') } : {}),
    ...(process.env.HF_TOKEN ? { accessToken: process.env.HF_TOKEN } : {}),
  };
  const name = `hf:${repository}${revision === undefined ? '' : `@${revision}`}`;
  try {
    const found: string[] = [];
    for await (const entry of listFiles({ ...common, recursive: true })) {
      if (entry.type === 'file' && DATA_FILE.test(entry.path)) found.push(entry.path);
    }
    const wanted = path === undefined ? found : found.filter((file) => file === path || file.startsWith(path));
    if (wanted.length === 0 || (path === undefined && found.length > 1)) {
      const list = found.slice(0, 12).join(', ');
      throw new DataError(
        'file',
        `${name} has ${found.length} data files${path === undefined ? '' : `, none at "${path}"`}: ${list}${found.length > 12 ? ', …' : ''}. Name one, or the beginning of several: ${name}:${found[0] ?? 'PATH'}.`,
      );
    }
    const places: string[] = [];
    for (const file of wanted) {
      onFile?.(file);
      places.push(await downloadFileToCacheDir({ ...common, path: file }));
    }
    return places;
  } catch (error) {
    if (DataError.isInstance(error)) throw error;
    const status = (error as { statusCode?: number }).statusCode;
    const why =
      status === 401 || status === 403
        ? 'the key in HF_TOKEN is missing or not allowed to read it'
        : status === 404
          ? 'the hub has no such data set or revision'
          : (error as Error).message;
    throw new DataError('file', `Cannot read ${name}: ${why}.`, { cause: error });
  }
}
