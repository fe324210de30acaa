/** Numbers in which a local model writes: see `samplingPrecision` of the engine. */
export const PRECISIONS = ['float32', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];
