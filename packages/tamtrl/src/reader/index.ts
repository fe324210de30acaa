/** The reader alone. It needs neither Node nor the engine until it opens a model by name. */

export { MemoryError } from '../memory/errors.js';
export type { Budgets } from '../memory/frames.js';
export { chatPrompts, type PromptFormat } from '../memory/prompts.js';
export type { MemoryModel } from '../memory/turn.js';
export { PolicyError } from '../policy/errors.js';
export { type OpenAIPolicyOptions, openOpenAIPolicy } from '../policy/openai/policy.js';
export type { ModelPrice, Money, PriceTable } from '../policy/prices.js';
export type { GenerateOptions, GenerateRequest, Sample } from '../policy/types.js';
export type { AgentChunk } from '../text/chunks.js';
export {
  Conversation,
  type ConversationOptions,
  type FollowUpAnswer,
  type FollowUpOptions,
  type Reread,
} from './conversation.js';
export { ReaderError } from './errors.js';
export {
  type DryRun,
  type EstimateReadingsOptions,
  estimateReading,
  estimateReadings,
} from './estimate-reading.js';
export type { Extent, Unread, Wanted } from './extent.js';
export { type TextSource, textOf } from './input.js';
export { type LoadDocumentOptions, loadDocument } from './load-document.js';
export type { PlacedText, TextPiece } from './places.js';
export type { ReadingEstimate } from './plan.js';
export {
  type Closable,
  createConversation,
  createMemoryReader,
  type DocumentReading,
  type NamedModelOptions,
  type ReadDocumentOptions,
  readDocument,
} from './read-document.js';
export { type DocumentOutcome, type ReadDocumentsOptions, readDocuments } from './read-documents.js';
export {
  type Answer,
  type MemoryEvent,
  MemoryReader,
  type QuestionMemory,
  type ReaderOptions,
  type ReadingOptions,
} from './reader.js';
export { readSideBySide, type SideBySideOptions, type SideBySideReading } from './side-by-side.js';
export type { ConversationState, MemoryPiece, PieceSource, ReaderState } from './state.js';
export type { ReadTokens } from './tokens.js';
