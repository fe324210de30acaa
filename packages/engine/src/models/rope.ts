/** Tables of rotary position embeddings. */
import type { ModelConfig } from './config.js';

/** The tables grow in steps of this many positions. */
const STEP = 512;

/**
 * cos(p f_i) and sin(p f_i) for positions p and frequencies f_i = theta^(-2i / headSize), i < headSize / 2 (arXiv
 * 2104.09864), in the float32 arithmetic of transformers, so that results agree for long contexts too.
 */
export class RotaryTables {
  readonly #frequencies: Float32Array;
  #length = 0;
  #cosines = new Float32Array(0);
  #sines = new Float32Array(0);

  constructor(config: ModelConfig) {
    const half = config.headSize / 2;
    this.#frequencies = Float32Array.from(
      { length: half },
      (_, i) => 1 / config.ropeTheta ** ((2 * i) / config.headSize),
    );
    const scaling = config.ropeScaling;
    if (!scaling) return;
    // Llama 3: long wavelengths are stretched by `factor`, short ones stay, and those in between are interpolated.
    const longest = scaling.originalContextLength / scaling.lowFrequencyFactor;
    const shortest = scaling.originalContextLength / scaling.highFrequencyFactor;
    this.#frequencies = this.#frequencies.map((frequency) => {
      const wavelength = (2 * Math.PI) / frequency;
      if (wavelength < shortest) return frequency;
      if (wavelength > longest) return frequency / scaling.factor;
      const smooth =
        (scaling.originalContextLength / wavelength - scaling.lowFrequencyFactor) /
        (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
      return ((1 - smooth) * frequency) / scaling.factor + smooth * frequency;
    });
  }

  /** Tables for at least `positions` positions: [rows, headSize / 2] each. */
  upTo(positions: number): { cosine: Float32Array; sine: Float32Array; rows: number } {
    if (positions > this.#length) {
      const half = this.#frequencies.length;
      this.#length = Math.ceil(positions / STEP) * STEP;
      this.#cosines = new Float32Array(this.#length * half);
      this.#sines = new Float32Array(this.#length * half);
      for (let position = 0; position < this.#length; position++) {
        for (let i = 0; i < half; i++) {
          const angle = Math.fround(position * this.#frequencies[i]);
          this.#cosines[position * half + i] = Math.cos(angle);
          this.#sines[position * half + i] = Math.sin(angle);
        }
      }
    }
    return { cosine: this.#cosines, sine: this.#sines, rows: this.#length };
  }
}
