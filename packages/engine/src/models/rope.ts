/** Tables of rotary position embeddings. */
import { float32, type Tensor } from '../runtime/onnx.js';
import type { ModelConfig, RopeScaling } from './config.js';

/** The tables grow in steps of this many positions. */
const STEP = 512;

/** The tables of a model's layers, and of its sliding layers if they have their own. */
export class RotaryTables {
  readonly #full: RotaryTable;
  readonly #sliding: RotaryTable;

  constructor({ headSize, ropeTheta, ropeScaling, slidingWindow }: ModelConfig) {
    this.#full = new RotaryTable(headSize, ropeTheta, ropeScaling);
    this.#sliding = slidingWindow ? new RotaryTable(headSize, slidingWindow.ropeTheta) : this.#full;
  }

  /** The inputs of graphs (see positions.ts) for at least `positions` positions. */
  feeds(positions: number): Record<string, Tensor> {
    return { ...this.#full.feeds(positions, ''), ...this.#sliding.feeds(positions, 'sliding ') };
  }
}

/**
 * cos(p f_i) and sin(p f_i) for positions p and frequencies f_i = theta^(-2i / headSize), i < headSize / 2 (arXiv
 * 2104.09864), in the float32 arithmetic of transformers, so that results agree for long contexts too.
 */
class RotaryTable {
  readonly #frequencies: Float32Array;
  #length = 0;
  #cosines = new Float32Array(0);
  #sines = new Float32Array(0);

  constructor(headSize: number, theta: number, scaling?: RopeScaling) {
    this.#frequencies = Float32Array.from({ length: headSize / 2 }, (_, i) => 1 / theta ** ((2 * i) / headSize));
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

  /** `cosine` and `sine`, [rows, headSize / 2] each, with `prefix`. */
  feeds(positions: number, prefix: string): Record<string, Tensor> {
    const half = this.#frequencies.length;
    if (positions > this.#length) {
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
    return {
      [`${prefix}cosine`]: float32(this.#cosines, [this.#length, half]),
      [`${prefix}sine`]: float32(this.#sines, [this.#length, half]),
    };
  }
}
