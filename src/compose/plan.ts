// A pipeline file, the provider's facts and the words of the command line → a plan, or what is wrong with them.
import { askGit } from '../../engine/git.ts';
import { detectProvider } from '../../providers/registry.ts';
import type { Environment, EventOverrides } from '../contract/provider.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { ok, type Outcome } from '../model/failure.ts';
import type { Plan } from '../model/plan.ts';
import type { PlanPreview } from '../model/plan-preview.ts';
import { createEvaluator } from '../pipeline/evaluator.ts';
import { unsupportedYet } from '../pipeline/not-yet.ts';
import { factsRead, planPipeline } from '../pipeline/plan.ts';
import { previewPlan } from '../pipeline/preview.ts';
import { checkPipeline, type PipelineFile } from './pipeline-file.ts';

export interface Selection {
  readonly jobs: readonly string[];
  readonly matrix: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly withNeeds: boolean;
  readonly overrides: EventOverrides;
}

export interface Planned {
  readonly plan: Plan | null;
  /** What the plan needs and this version cannot do: errors for `run`, warnings for `plan`. */
  readonly notYet: readonly Diagnostic[];
  /** Of the provider whose facts the plan is made with. */
  readonly provider: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** The plan for this checkout and these words of the command line. */
export async function preparePlan(
  file: PipelineFile,
  selection: Selection,
  environment: Environment,
  runId: string,
): Promise<Outcome<Planned>> {
  const checked = checkPipeline(file);
  const provider = detectProvider(environment);
  if (!checked.pipeline) {
    return ok({ plan: null, notYet: [], provider: provider.name, diagnostics: checked.diagnostics });
  }
  const context = await provider.context({
    environment,
    git: (args) => askGit(file.root, args, environment),
    overrides: selection.overrides,
    runId,
    wanted: factsRead(checked.pipeline),
  });
  if (!context.ok) return context;
  const planned = planPipeline(checked.pipeline, { ...selection, context: context.value });
  return ok({
    plan: planned.plan,
    notYet: unsupportedYet(checked.pipeline, planned.plan?.jobs.map(({ name }) => name) ?? []),
    provider: provider.name,
    diagnostics: [...checked.diagnostics, ...planned.diagnostics],
  });
}

export const previewOf = (plan: Plan): PlanPreview => previewPlan(plan, createEvaluator());

export async function pipelineSchema(): Promise<object> {
  return (await import('../pipeline/json-schema.ts')).pipelineJsonSchema();
}
