/** Numbers from 0 to 1, the same for the same seed. */
export function random(seed: number): () => number;
/** `sample` with one to eight changes. `binary`: numbers of eight bytes among them, else marks and words of texts. */
export function mutated(sample: string | Uint8Array, binary: boolean, draw: () => number): Buffer;
