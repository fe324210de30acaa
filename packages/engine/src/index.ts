export * from './api.js';
export { EngineError, type ErrorDetails, type ErrorKind } from './errors.js';
export type { AdapterOptions } from './models/adapter.js';
export * from './models/config.js';
export { layerParameterShapes, parameterCount, parameterShapes } from './models/parameters.js';
export { hashSeed, Random } from './random.js';
export { probeRuntime, type RuntimeProbe } from './runtime/probe.js';
export { readGgufFiles } from './weights/gguf-files.js';
export { createEngine, type EngineOptions } from './worker/client.js';
