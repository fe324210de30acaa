/** For programs that use Vercel's AI SDK. */
export { type MemoryMiddlewareOptions, memoryMiddleware } from './middleware.js';
export { tamtrl } from './provider.js';
