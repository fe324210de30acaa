/**
 * The library: reading, training and evaluating memory agents, and the parts that they are made of. Nothing here loads
 * the engine until a local model is opened, and nothing prints.
 */

// Reading texts of any length

export type { ModelPrice, Money, PriceTable } from './policy/prices.js';
export {
  Conversation,
  type ConversationOptions,
  type FollowUpAnswer,
  type FollowUpOptions,
  type Reread,
} from './reader/conversation.js';
export { ReaderError } from './reader/errors.js';
export {
  type DryRun,
  type EstimateReadingsOptions,
  estimateReading,
  estimateReadings,
} from './reader/estimate-reading.js';
export type { Extent, Unread, Wanted } from './reader/extent.js';
export { type TextSource, textOf } from './reader/input.js';
export { type KeptReadingsOptions, keptReadings } from './reader/kept-readings.js';
export { type LoadDocumentOptions, loadDocument } from './reader/load-document.js';
export type { PlacedText, TextPiece } from './reader/places.js';
export type { ReadingEstimate } from './reader/plan.js';
export {
  type Closable,
  createConversation,
  createMemoryReader,
  type DocumentReading,
  type KeptReading,
  type NamedModelOptions,
  type ReadDocumentOptions,
  readDocument,
} from './reader/read-document.js';
export {
  type DocumentOutcome,
  type ReadDocumentsOptions,
  type ReadingStore,
  readDocuments,
} from './reader/read-documents.js';
export {
  type Answer,
  type MemoryEvent,
  MemoryReader,
  type QuestionMemory,
  type ReaderOptions,
  type ReadingOptions,
} from './reader/reader.js';
export { readSideBySide, type SideBySideOptions, type SideBySideReading } from './reader/side-by-side.js';
export type { ConversationState, MemoryPiece, PieceSource, ReaderState } from './reader/state.js';
export type { ReadTokens } from './reader/tokens.js';

// Runs: start, follow and read them

export { RunError, type RunErrorKind } from './run/errors.js';
export { RUN_FILES, type RunFile, RunFolder } from './run/folder.js';
export type { RunInfo } from './run/info.js';
export { type ModelFacts, openRun, type RunEvent, type RunOptions } from './run/open.js';
export { planRun, type ResumeSettings, type RunPlan, type RunSettings } from './run/plan.js';
export { loadPrices } from './run/prices-file.js';
export { readRun, type SavedRun, type SavedSettings } from './run/read.js';
export type { HeldOutReadings, Reading } from './run/readings.js';
export type { SettingFlags } from './run/settings.js';

// Presets, recipes, and the questions that a configuration names

export type { RecordKey } from './data/overlap.js';
export type { Preset } from './run/presets/preset.js';
export { findPreset, presets } from './run/presets/presets.js';
export { findRecipe, type Recipe, recipes } from './run/recipes.js';
export type { EarlierSplit, RecordSetOptions } from './run/record-sets.js';
export { openSources, type SourceOptions, type Sources } from './run/sources.js';
export type { Split } from './run/split.js';
export type { ChunkOptions } from './text/chunks.js';

// Training

export { LockError } from './base/lock.js';
export type { Progress } from './base/progress.js';
export {
  type CommonConfig,
  type RunConfig,
  type RunConfigInput,
  runConfigSchema,
  type SftConfig,
  type SftConfigInput,
  sftConfigSchema,
} from './train/config.js';
export { TrainError } from './train/errors.js';
export type { ChunkPart, KeptChunk, KeptGroup, KeptRollout, KeptTurn } from './train/kept-groups.js';
export type { RunProgress, TrainingEvent, TrainingSetup, TrainingSummary } from './train/loop.js';
export type {
  EvaluationMetrics,
  MetricsLine,
  Phase,
  PhaseTokens,
  SftMetrics,
  StepMetrics,
  WrittenTrajectory,
} from './train/metrics.js';
export { train } from './train/reinforce.js';
export type { ReinforcementSetup } from './train/requirements.js';
export { warmUp } from './train/sft.js';
export type { CheckpointName, RunState, RunStore, SavedCheckpoint } from './train/store.js';
export type { FirstStep } from './train/watchdog.js';

// Rewards

export { RewardError } from './reward/errors.js';
export type { RolloutGroup, TurnScores } from './reward/group.js';
export type { MemoryCase } from './reward/memory-features.js';
export type {
  CommonContext,
  MethodContext,
  MethodResult,
  OptionShape,
  OptionValues,
  PreparationContext,
  Requirements,
  RewardMethod,
  TokenAdvantages,
} from './reward/method.js';
export { methodNamed, rewardMethods } from './reward/methods.js';
export {
  type AnswersWanted,
  type F1Variant,
  METRICS,
  type Metric,
  metricOf,
  type Normalization,
  type OutcomeOptions,
  outcomeReward,
  type Reference,
  scoreAnswer,
} from './reward/outcome.js';
export type { LoadedReward, OwnReward, OwnRewardContext, OwnRollout, OwnTurn } from './reward/own-reward.js';
export { type LabelSettings, labelledMemories } from './reward/prm.js';
export { type Accuracy, type LabelledMemory, ProcessRewardModel } from './reward/process-reward.js';
export { type ReadingRelevanceOptions, readingRelevance } from './reward/reading-relevance.js';
export { type RelevanceJudgeOptions, relevanceJudge } from './reward/relevance-judge.js';
export { loadReward } from './reward/reward-module.js';

// Evaluation

export { CONTEXT_KINDS, type ContextKind } from './eval/contexts.js';
export {
  type CrossedEstimate,
  crossedEstimate,
  differenceEstimate,
  holm,
  recordInterval,
  scoreInterval,
  wilsonInterval,
} from './eval/crossed.js';
export { EvaluationError } from './eval/errors.js';
export { type EvaluationOptions, type EvaluationResult, evaluate } from './eval/evaluate.js';
export {
  type EvaluationIdentity,
  type EvaluationProgress,
  type EvaluationSetup,
  evaluateRecords,
} from './eval/evaluation.js';
export { READERS, type ReaderName, type RecordReaderOptions } from './eval/readers.js';
export {
  type EvaluationSummary,
  type RecordResult,
  type Summary,
  summarize,
} from './eval/results.js';
export { bootstrapInterval, type Interval } from './eval/statistics.js';

// Reports

export { type Cell, type Comparison, costTable, scoreTable } from './report/comparison.js';
export { reportText, writeReport } from './report/report.js';
export { jsonSummary } from './report/summary.js';

// Models and policies

export { EMBEDDED_MINI } from './models/embedded.js';
export { ModelError } from './models/errors.js';
export { type NewAdapter, type OpenOptions, openModel } from './models/open.js';
export { modelSource } from './models/source.js';
export { MODEL_SPECS, type ModelSpec, parseModelSpec } from './models/spec.js';
export { type ModelText, openTokenizer } from './models/tokenizer.js';
export type { AdapterOptions, EngineSettings } from './policy/engine.js';
export { PolicyError } from './policy/errors.js';
export { LocalPolicy, type LocalPolicyOptions, openLocalPolicy } from './policy/local.js';
export { OpenAIPolicy, type OpenAIPolicyOptions, openOpenAIPolicy } from './policy/openai/policy.js';
export type { Precision } from './policy/precision.js';
export { openTinkerPolicy, TinkerPolicy, type TinkerPolicyOptions } from './policy/tinker/policy.js';
export { isTrainable } from './policy/trainable.js';
export type * from './policy/types.js';

// The agent

export { type AgentOptions, type AgentTask, runAgent } from './memory/agent.js';
export { MemoryError } from './memory/errors.js';
export { type ExtractionOptions, extractAnswer } from './memory/extract.js';
export { type Budgets, PromptFrames } from './memory/frames.js';
export {
  type AnswerSlots,
  chatPrompts,
  type FollowUpSlots,
  miniPrompts,
  type PromptFormat,
  promptFormatNamed,
  type UpdateSlots,
} from './memory/prompts.js';
export type { ParallelReading } from './memory/settings.js';
export { type TrajectoryStatistics, trajectoryStatistics } from './memory/statistics.js';
export {
  type ChunkPlace,
  type DraftCounts,
  memoryBefore,
  type StopReason,
  type Trajectory,
  type Turn,
} from './memory/trajectory.js';
export type { EmptyRule, MemoryModel, Output } from './memory/turn.js';

// Data: records, relevance, importers, generated tasks

export { Books, type BooksOptions, EMBEDDED_BOOKS } from './data/babi/books.js';
export { BABI_TASKS, type BabiEvent, type BabiTask, type Direction, eventOf, isBabiTask } from './data/babi/events.js';
export { type BabiNote, type IdealReader, idealNotes, idealReader } from './data/babi/ideal.js';
export { readStories } from './data/babi/read.js';
export { type BabiQuestion, type BabiStoryOptions, babiStories, babiStory } from './data/babi/stories.js';
export { DataError } from './data/errors.js';
export {
  type Example,
  type ExampleSource,
  miniSource,
  type RelevanceSource,
  recordSource,
  relevanceSources,
} from './data/examples.js';
export type { Fact } from './data/facts.js';
export { type PlacedRow, type Row, readRows } from './data/files/rows.js';
export { gathered, type StreamedRecord, writeRecords } from './data/files/writer.js';
export {
  type BabilongOptions,
  type BabilongRecord,
  babilongRecord,
  babilongTasks,
  mostFacts,
  simulatedQuestion,
} from './data/generators/babilong.js';
export { findSyntheticTask, syntheticTasks } from './data/generators/generators.js';
export { NIAH_TASKS, type NiahName, type SyntheticOptions } from './data/generators/niah.js';
export { DocumentPool, rulerHqa } from './data/generators/ruler-hqa.js';
export type { Importer } from './data/importers/importer.js';
export { findImporter, importers, importRecords, readEvidence } from './data/importers/importers.js';
export { type MiniTaskOptions, miniExample, miniExamples } from './data/mini/task.js';
export { miniChat, miniTokenizer } from './data/mini/tokenizer.js';
export {
  type BlankAnswers,
  loadRecords,
  type QuestionRecord,
  type RecordProblem,
  type RecordProblemKind,
  readRecords,
  recordSchema,
} from './data/records.js';
export { agreement, annotated, lexical, type RelevanceJudge, type RelevanceMarks } from './data/relevance.js';

// Text: tokenizers, chat templates, chunks with offsets

export type { ChatFormat, ChatMessage } from './text/chat.js';
export { type AgentChunk, type Chunk, type ChunkPiece, chunkDocuments } from './text/chunks.js';
export { type Document, type DocumentRenderer, numberedRenderer, plainRenderer } from './text/documents.js';
export { TextError } from './text/errors.js';
export { type DocumentRange, filterChunk } from './text/filter.js';
export { HuggingFaceTokenizer, loadTokenizer } from './text/hugging-face-tokenizer.js';
export type { TextRange } from './text/sentences.js';
export { chatFormatFromFiles, loadChatFormat } from './text/templates.js';
export type { Tokenizer } from './text/tokenizer.js';
