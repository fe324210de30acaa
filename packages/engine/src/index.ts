export * from './errors.js';
export * from './models/config.js';
