/** Downloads models from the Hugging Face hub. */
import { dirname } from 'node:path';
import { downloadHubFile, type HubRepository, hubFailure, listHubFiles } from '../base/hub.js';
import { PolicyError } from '../policy/errors.js';
import { type HubSpec, isGguf } from './spec.js';

const TEXT_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
];

export interface WantedModel extends Omit<HubSpec, 'kind'> {
  /** If false, downloads only what tokenizing needs. */
  weights?: boolean;
}

/**
 * Downloads a model's files and returns its folder or file.
 * @throws PolicyError `unreachable` or `refused`, naming what the repository has.
 */
export async function downloadModel(
  model: WantedModel,
  options: { onDownload?: (file: string) => void } = {},
): Promise<string> {
  const { repository, revision, file } = model;
  const place: HubRepository = { type: 'model', repository, revision };
  try {
    let local = '';
    for (const path of wantedFiles(model, await listHubFiles(place))) {
      options.onDownload?.(path);
      local = await downloadHubFile(place, path);
    }
    return file === undefined ? dirname(local) : local;
  } catch (error) {
    throw PolicyError.isInstance(error) ? error : downloadError(repository, error as Error);
  }
}

/** @throws PolicyError `refused` if the repository lacks one of them. */
function wantedFiles({ repository, file, weights = true }: WantedModel, found: readonly string[]): string[] {
  const needed = file === undefined ? ['config.json', 'tokenizer.json'] : [file];
  const missing = needed.filter((path) => !found.includes(path));
  if (missing.length === 0) {
    if (file !== undefined) return [file];
    return found.filter((path) => TEXT_FILES.includes(path) || (weights && isWeights(path)));
  }
  const gguf = found.filter(isGguf);
  const advice =
    gguf.length > 0 ? ` It has ${gguf.slice(0, 8).join(', ')}: name one, hf:${repository}:${gguf[0]}.` : '';
  throw new PolicyError('refused', `hf:${repository} has no ${missing.join(' and no ')}.${advice}`);
}

function downloadError(repository: string, cause: Error): PolicyError {
  const { reason, status } = hubFailure(cause);
  switch (reason) {
    case 'key':
      return new PolicyError('refused', `The key in HF_TOKEN may not read hf:${repository} (${status}).`, { cause });
    case 'missing':
      return new PolicyError('refused', `hf:${repository} does not exist, or has no such revision.`, { cause });
    case 'other':
      return new PolicyError('unreachable', `Cannot download hf:${repository}: ${cause.message}.`, { cause });
  }
}

const isWeights = (path: string) => path.endsWith('.safetensors') || path === 'model.safetensors.index.json';
