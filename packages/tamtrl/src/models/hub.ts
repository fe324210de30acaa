/** Models on the Hugging Face hub, by "hf:owner/name". Files are kept in the hub's own cache folder. */
import { dirname } from 'node:path';
import { PolicyError } from '../policy/errors.js';

export interface HubModel {
  /** "owner/name" */
  repository: string;
  revision?: string;
  /** A .gguf file of the repository instead of the whole model. */
  file?: string;
  /** False: only what tokenizing needs. */
  weights?: boolean;
}

/** "hf:owner/name[@revision][:file.gguf]"; undefined for anything that does not begin with "hf:". */
export function parseHubModel(spec: string): HubModel | undefined {
  if (!spec.startsWith('hf:')) return undefined;
  const [, repository, revision, file] = /^hf:([\w.-]+\/[\w.-]+)(?:@([^:]+))?(?::(.+\.gguf))?$/.exec(spec) ?? [];
  if (repository !== undefined) return { repository, revision, file };
  throw new PolicyError(
    'invalid-argument',
    `"${spec}" is no model on the hub; expected hf:owner/name, hf:owner/name@revision or hf:owner/name:file.gguf.`,
  );
}

const TEXT_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
];

/**
 * Downloads what a model needs and returns its folder or file. The server is HF_ENDPOINT if that is set, the key HF_TOKEN.
 * @throws PolicyError `unreachable` or `refused` with what there is.
 */
export async function downloadModel(
  model: HubModel,
  options: { onDownload?: (file: string) => void } = {},
): Promise<string> {
  const { downloadFileToCacheDir, listFiles } = await import('@huggingface/hub');
  const { repository, revision, file, weights = true } = model;
  const common = {
    repo: { type: 'model', name: repository } as const,
    ...(revision === undefined ? {} : { revision }),
    ...(process.env.HF_ENDPOINT ? { hubUrl: process.env.HF_ENDPOINT.replace(/\/+$/, '') } : {}),
    ...(process.env.HF_TOKEN ? { accessToken: process.env.HF_TOKEN } : {}),
  };
  try {
    const found: string[] = [];
    for await (const entry of listFiles(common)) if (entry.type === 'file') found.push(entry.path);
    const wanted =
      file === undefined
        ? found.filter((path) => TEXT_FILES.includes(path) || (weights && isWeights(path)))
        : found.filter((path) => path === file);
    const missing =
      file === undefined
        ? ['config.json', 'tokenizer.json'].filter((name) => !found.includes(name))
        : wanted.length === 0
          ? [file]
          : [];
    if (missing.length > 0) {
      const gguf = found.filter((path) => path.endsWith('.gguf'));
      const advice =
        gguf.length > 0 ? ` It has ${gguf.slice(0, 8).join(', ')}: name one, hf:${repository}:${gguf[0]}.` : '';
      throw new PolicyError('refused', `hf:${repository} has no ${missing.join(' and no ')}.${advice}`);
    }
    let place = '';
    for (const path of wanted) {
      options.onDownload?.(path);
      const local = await downloadFileToCacheDir({ ...common, path });
      place = file === undefined ? dirname(local) : local;
    }
    return place;
  } catch (error) {
    if (PolicyError.isInstance(error)) throw error;
    const status = (error as { statusCode?: number }).statusCode;
    if (status === 401 || status === 403)
      throw new PolicyError('refused', `hf:${repository} may not be read with the key in HF_TOKEN (${status}).`, {
        cause: error,
      });
    if (status === 404)
      throw new PolicyError('refused', `There is no hf:${repository}, or no such revision of it.`, { cause: error });
    throw new PolicyError('unreachable', `Cannot download hf:${repository}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

const isWeights = (path: string) => path.endsWith('.safetensors') || path === 'model.safetensors.index.json';
