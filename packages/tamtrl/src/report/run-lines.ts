/** A run's events in a line each, for people who wait for it. */
import { count, counted, duration, percent } from '../base/format.js';
import type { ModelFacts, RunEvent } from '../run/open.js';
import type { EvaluationMetrics, SftMetrics, StepMetrics } from '../train/metrics.js';

export function openedLine({ plan, model }: Extract<RunEvent, { type: 'opened' }>): string {
  const size = model.parameters === undefined ? '' : `${count(model.parameters)} parameters${adapterPart(model)}, `;
  const method = `method ${plan.info.method}, seed ${plan.config.seed}`;
  return `${model.name}: ${size}window ${count(model.contextLength)} tokens; ${method}`;
}

function adapterPart({ parameters, trainedParameters }: ModelFacts): string {
  if (trainedParameters === undefined || trainedParameters === parameters) return '';
  return ` and an adapter of ${count(trainedParameters)}`;
}

export function stepParts(metrics: StepMetrics | SftMetrics): string[] {
  const seconds = Object.values(metrics.seconds).reduce((sum, value) => sum + value, 0);
  const tokens = Object.values(metrics.tokens).reduce((sum, value) => sum + value, 0);
  const rate = `${count(tokens / Math.max(seconds, 1e-9))} tokens/s`;
  if (metrics.kind === 'sft') return [`loss ${metrics.loss.toFixed(4)}`, rate];
  const { reward, exact_match, memory_tokens } = metrics;
  return [
    `reward ${reward.toFixed(3)}`,
    `exact match ${percent(exact_match)}`,
    `memory ${memory_tokens.toFixed(1)} tokens`,
    rate,
  ];
}

export function evaluationLine(metrics: EvaluationMetrics): string {
  const { step, metric, score, exact_match, f1, sub_exact_match, memory_tokens, questions, seconds } = metrics;
  const isShown = ['exact_match', 'f1', 'sub_exact_match'].includes(metric);
  const scores = `${isShown ? '' : `${metric} ${percent(score)}, `}exact match ${percent(exact_match)}, F1 ${percent(f1)}, sub-exact match ${percent(sub_exact_match)}`;
  const when = step === 0 ? 'before training' : `after step ${step}`;
  return `Held-out ${when}: ${scores}, memory ${memory_tokens.toFixed(1)} tokens (${counted(questions, 'question')}, ${duration(seconds)})`;
}
