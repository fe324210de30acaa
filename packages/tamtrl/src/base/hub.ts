/**
 * The Hugging Face hub, as models and data sets use it. Files are kept in the hub's own cache folder. The server is
 * HF_ENDPOINT if that is set; the key is HF_TOKEN.
 */

/** What "hf:owner/name[@revision][:path]" names. */
export interface HubAddress {
  /** "owner/name" */
  repository: string;
  revision?: string;
  path?: string;
}

export interface HubRepository extends Omit<HubAddress, 'path'> {
  type: 'model' | 'dataset';
}

export const isHubAddress = (text: string): boolean => text.startsWith('hf:');

/** Undefined for text that does not have the form "hf:owner/name[@revision][:path]". */
export function parseHubAddress(text: string): HubAddress | undefined {
  const [, repository, revision, path] = /^hf:([\w.-]+\/[\w.-]+)(?:@([^:]+))?(?::(.+))?$/.exec(text) ?? [];
  return repository === undefined ? undefined : { repository, revision, path };
}

/** Paths of the repository's files. */
export async function listHubFiles(place: HubRepository, options: { recursive?: boolean } = {}): Promise<string[]> {
  const { listFiles } = await import('@huggingface/hub');
  const paths: string[] = [];
  for await (const { type, path } of listFiles({ ...request(place), ...options }))
    if (type === 'file') paths.push(path);
  return paths;
}

/** Returns the file's path on this machine, and downloads the file first if it is not there yet. */
export async function downloadHubFile(place: HubRepository, path: string): Promise<string> {
  const { downloadFileToCacheDir } = await import('@huggingface/hub');
  return downloadFileToCacheDir({ ...request(place), path });
}

/** Why the hub failed: it does not accept the key, has no such repository or revision, or something else. */
export function hubFailure(error: unknown): { reason: 'key' | 'missing' | 'other'; status?: number } {
  const { statusCode: status } = error as { statusCode?: number };
  if (status === 401 || status === 403) return { reason: 'key', status };
  return { reason: status === 404 ? 'missing' : 'other', status };
}

function request({ type, repository, revision }: HubRepository) {
  const { HF_ENDPOINT: server, HF_TOKEN: accessToken } = process.env;
  return {
    repo: { type, name: repository },
    ...(revision === undefined ? {} : { revision }),
    ...(server ? { hubUrl: server.replace(/\/+$/, '') } : {}),
    ...(accessToken ? { accessToken } : {}),
  };
}
