/**
 * Limits of the readers of model files. A damaged or hostile file ends in an error that names one of these,
 * not in a full memory. Each is far above what real files need.
 */

/**
 * Bytes of a file that comes with the weights, such as config.json or tokenizer.json. The largest in use have 33 MB.
 */
export const MAX_AUXILIARY_BYTES = 2 ** 29;
/** Bytes of a safetensors header. The reference implementation has the same limit. */
export const MAX_SAFETENSORS_HEADER = 100_000_000;
/** Bytes of a GGUF header. */
export const MAX_GGUF_HEADER = 2 ** 29;
/** Tensors of a GGUF file. The largest models in use have some 2,000. */
export const MAX_GGUF_TENSORS = 100_000;
/** Keys of a GGUF file's metadata. Models in use have up to 60. */
export const MAX_GGUF_KEYS = 100_000;
/** Values in all lists of a GGUF file's metadata. The largest vocabularies in use have a million. */
export const MAX_GGUF_VALUES = 2 ** 23;
/** Lists within lists in a GGUF file's metadata. */
export const MAX_GGUF_NESTING = 4;
/** Dimensions of a tensor in a GGUF file: GGML_MAX_DIMS of ggml.h. */
export const MAX_GGUF_DIMENSIONS = 4;
