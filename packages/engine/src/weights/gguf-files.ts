/** The tokenizer of a GGUF file, for programs that do not need its weights. */
import { GgufFile } from './gguf.js';
import { GgufMetadata } from './gguf-model.js';
import { filesOfGguf } from './pretrained-files.js';

/**
 * Contents of tokenizer.json, tokenizer_config.json and generation_config.json by name, made from the file's header. No
 * weights are read, so the engine need not support the model's architecture.
 * @throws EngineError 'file', 'truncated-file' or 'unsupported', naming the file, what was expected and found.
 */
export async function readGgufFiles(path: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const file = await GgufFile.open(path);
  try {
    return filesOfGguf(new GgufMetadata(path, file.metadata)).auxiliary;
  } finally {
    await file.close();
  }
}
