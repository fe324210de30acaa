/**
 * The library: memory agents, policies, rewards, training and presets. Nothing here loads the engine until a local model is opened, and
 * nothing prints.
 */

// Data: records, relevance, the generated task.
export { DataError } from './data/errors.js';
export { type Example, type ExampleSource, miniSource, recordSource, relevanceSources } from './data/examples.js';
export { type PlacedRow, type Row, readRows } from './data/files/rows.js';
export { gathered, type StreamedRecord, writeRecords } from './data/files/writer.js';
export { findSyntheticTask, syntheticTasks } from './data/generators/generators.js';
export { NIAH_TASKS, type NiahName, type SyntheticOptions } from './data/generators/niah.js';
export { DocumentPool, rulerHqa } from './data/generators/ruler-hqa.js';
export type { Importer } from './data/importers/importer.js';
export { findImporter, importers, importRecords, readEvidence } from './data/importers/importers.js';
export { type MiniTaskOptions, miniExample, miniExamples } from './data/mini/task.js';
export { miniChat, miniTokenizer } from './data/mini/tokenizer.js';
export { loadRecords, type QuestionRecord, readRecords, recordSchema } from './data/records.js';
export { agreement, annotated, lexical, type RelevanceMarks } from './data/relevance.js';
export { CONTEXT_KINDS, type ContextKind } from './eval/contexts.js';
export { EvaluationError } from './eval/errors.js';
export { type EvaluationOptions, type EvaluationResult, evaluate } from './eval/evaluate.js';
export { type EvaluationSetup, evaluateRecords } from './eval/evaluation.js';
export { READERS, type ReaderName, type RecordReaderOptions } from './eval/readers.js';
export { type EvaluationSummary, type RecordResult, summarize } from './eval/results.js';
export { bootstrapInterval, type Interval, type PairedTest, pairedTest, studentInterval } from './eval/statistics.js';
// The agent.
export { type AgentOptions, type AgentTask, runAgent } from './memory/agent.js';
export { MemoryError } from './memory/errors.js';
export { extractAnswer } from './memory/extract.js';
export { type Budgets, PromptFrames } from './memory/frames.js';
export { chatPrompts, miniPrompts, type PromptFormat, promptFormatNamed } from './memory/prompts.js';
export { trajectoryStatistics } from './memory/statistics.js';
export { memoryBefore, type Trajectory, type Turn } from './memory/trajectory.js';
export type { MemoryModel } from './memory/turn.js';
export { EMBEDDED_MINI, modelSource } from './models/embedded.js';
export { MODEL_SPECS, type OpenOptions, openModel } from './models/open.js';
export { parseTinkerSpec, type TinkerSpec } from './models/tinker-spec.js';
// Policies.
export { PolicyError } from './policy/errors.js';
export { LocalPolicy, type LocalPolicyOptions, openLocalPolicy } from './policy/local.js';
// Reading.
export { OpenAIPolicy, type OpenAIPolicyOptions, openOpenAIPolicy } from './policy/openai/policy.js';
export { openTinkerPolicy, TinkerPolicy, type TinkerPolicyOptions } from './policy/tinker/policy.js';
export type { Capabilities, Policy, TrainablePolicy } from './policy/types.js';
export { ReaderError } from './reader/errors.js';
export { type TextSource, textOf } from './reader/input.js';
export {
  createMemoryReader,
  type DocumentReading,
  type NamedModelOptions,
  type ReadDocumentOptions,
  readDocument,
} from './reader/read-document.js';
export {
  type Answer,
  type MemoryEvent,
  MemoryReader,
  type QuestionMemory,
  type ReaderOptions,
} from './reader/reader.js';
export type { MemoryPiece, PieceSource, ReaderState } from './reader/state.js';
// Evaluation.
export { type Cell, type Comparison, costTable, scoreTable } from './report/comparison.js';
// Rewards and methods.
export { RewardError } from './reward/errors.js';
export type { MethodContext, MethodResult, RewardMethod, RolloutGroup, TurnScores } from './reward/method.js';
export { methodNamed, rewardMethods } from './reward/methods.js';
export { METRICS, type Metric, outcomeReward, scoreAnswer } from './reward/outcome.js';
export { labelledMemories, ProcessRewardModel } from './reward/process-reward.js';
export { type RelevanceJudgeOptions, relevanceJudge } from './reward/relevance-judge.js';
// Presets.
export { findMethod, type NamedMethod, namedMethods } from './run/named-methods.js';
export type { Preset } from './run/presets/preset.js';
export { findPreset, presets } from './run/presets/presets.js';
export { openSources, type Sources } from './run/sources.js';
// Text: tokenizers, chat templates, chunks with offsets.
export type { ChatFormat, ChatMessage } from './text/chat.js';
export { type AgentChunk, type Chunk, type ChunkPiece, chunkDocuments } from './text/chunks.js';
export { type Document, type DocumentRenderer, numberedRenderer, plainRenderer } from './text/documents.js';
export { TextError } from './text/errors.js';
export { filterChunk } from './text/filter.js';
export { HuggingFaceTokenizer, loadTokenizer } from './text/hugging-face-tokenizer.js';
export { chatFormatFromFiles, loadChatFormat } from './text/templates.js';
export type { Tokenizer } from './text/tokenizer.js';
// Training.
export {
  type RunConfig,
  type RunConfigInput,
  runConfigSchema,
  type SftConfig,
  type SftConfigInput,
  sftConfigSchema,
} from './train/config.js';
export { TrainError } from './train/errors.js';
export type { TrainingEvent, TrainingSetup, TrainingSummary } from './train/loop.js';
export type { EvaluationMetrics, MetricsLine, SftMetrics, StepMetrics, WrittenTrajectory } from './train/metrics.js';
export { train } from './train/reinforce.js';
export { warmUp } from './train/sft.js';
