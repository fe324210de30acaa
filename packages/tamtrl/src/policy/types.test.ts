/** The types that are written out here and the engine's are equal. `npm run typecheck` holds it. */
import type * as engine from '@tamtrl/engine';
import { expectTypeOf, it } from 'vitest';
import type * as local from './engine.js';
import type { LocalPolicy } from './local.js';
import type * as policy from './types.js';

it('requests, results and options of the verbs', () => {
  expectTypeOf<policy.GenerateRequest>().toEqualTypeOf<engine.GenerateRequest>();
  expectTypeOf<policy.GenerateOptions>().toEqualTypeOf<engine.GenerateOptions>();
  expectTypeOf<policy.Sample>().toEqualTypeOf<engine.Sample>();
  expectTypeOf<policy.ScoreRow>().toEqualTypeOf<engine.ScoreRow>();
  expectTypeOf<policy.ScoreOptions>().toEqualTypeOf<engine.ScoreOptions>();
  expectTypeOf<policy.ScoredRow>().toEqualTypeOf<engine.ScoredRow>();
  expectTypeOf<policy.TrainingRow>().toEqualTypeOf<engine.TrainingRow>();
  expectTypeOf<policy.PolicyGradientLoss>().toEqualTypeOf<engine.PolicyGradientLoss>();
  expectTypeOf<policy.CrossEntropyLoss>().toEqualTypeOf<engine.CrossEntropyLoss>();
  expectTypeOf<policy.ForwardBackwardOptions>().toEqualTypeOf<engine.ForwardBackwardOptions>();
  expectTypeOf<policy.ForwardBackwardResult>().toEqualTypeOf<engine.ForwardBackwardResult>();
  expectTypeOf<policy.OptimStepOptions>().toEqualTypeOf<engine.OptimStepOptions>();
  expectTypeOf<policy.OptimStepResult>().toEqualTypeOf<engine.OptimStepResult>();
});

it('models, settings and the engine itself', () => {
  expectTypeOf<local.ModelConfig>().toEqualTypeOf<engine.ModelConfig>();
  expectTypeOf<local.LocalModel>().toEqualTypeOf<engine.EngineOptions['model']>();
  expectTypeOf<local.EngineSettings>().branded.toEqualTypeOf<Omit<engine.EngineOptions, 'model'>>();
  expectTypeOf<local.Engine>().toEqualTypeOf<engine.Engine>();
});

it('the verbs of a local policy are those of the engine', () => {
  type Unwrapped =
    | 'config'
    | 'parameters'
    | 'trainedParameters'
    | 'files'
    | 'generate'
    | 'exportModel'
    | 'exportAdapter';
  type Verb = Exclude<keyof engine.Engine, Unwrapped>;
  expectTypeOf<Pick<engine.Engine, Verb>>().toExtend<Pick<LocalPolicy, Verb>>();
  expectTypeOf<Pick<LocalPolicy, Verb>>().toExtend<Pick<engine.Engine, Verb>>();
  expectTypeOf<engine.Engine['generate']>().toEqualTypeOf<LocalPolicy['sample']>();
  expectTypeOf<engine.Engine['exportModel']>().toExtend<LocalPolicy['exportModel']>();
  expectTypeOf<LocalPolicy>().toExtend<policy.TrainablePolicy>();
});
