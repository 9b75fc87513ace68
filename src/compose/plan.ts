// A pipeline file, the provider's facts and the words of the command line → a plan, or what is wrong with them.
import { askGit } from '../../engine/git.ts';
import type { Environment, EventOverrides, Offers } from '../contract/provider.ts';
import type { Evaluator } from '../contract/evaluator.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { ok, type Outcome } from '../model/failure.ts';
import type { Plan } from '../model/plan.ts';
import type { PlanPreview, PlatformPreview } from '../model/plan-preview.ts';
import { loadEvaluator } from '../pipeline/load-evaluator.ts';
import { unsupportedYet } from '../pipeline/not-yet.ts';
import { planPipeline } from '../pipeline/plan.ts';
import { placeOf, withoutServices, type DryRun } from './dry-run.ts';
import { lockName, readLockFile, type LockFile } from './lock-file.ts';
import { checkPipeline, type PipelineFile } from './pipeline-file.ts';
import { previewSecrets, type LocatedSecrets } from './secrets.ts';

export interface Selection {
  readonly jobs: readonly string[];
  readonly matrix: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly withNeeds: boolean;
  readonly overrides: EventOverrides;
  readonly dryRun?: DryRun;
}

export interface Planned {
  readonly plan: Plan | null;
  /** Of the plan's expressions. */
  readonly evaluator: Evaluator;
  /** What the plan needs and this version cannot do: errors for `run`, warnings for `plan`. */
  readonly notYet: readonly Diagnostic[];
  /** Of the provider whose facts the plan is made with. */
  readonly provider: string;
  /** Of its platform; null on the user's own machine. */
  readonly offers: Offers | null;
  /** `--as`: this machine is none of the platform's. */
  readonly isDryRun: boolean;
  readonly lock: LockFile;
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of the files that diagnostics name. */
  readonly sources: ReadonlyMap<string, string>;
}

/** The plan for this checkout and these words of the command line. Failures: those of the dry run and of the provider's context. */
export async function preparePlan(
  file: PipelineFile,
  selection: Selection,
  environment: Environment,
  runId: string,
): Promise<Outcome<Planned>> {
  const [checked, lock] = await Promise.all([checkPipeline(file, environment), readLockFile(file.root)]);
  const git = (args: readonly string[]): Promise<string | null> => askGit(file.root, args, environment);
  const { overrides, dryRun = { folder: file.root } } = selection;
  const place = await placeOf(dryRun, environment, { git, overrides });
  if (!place.ok) return place;
  const { provider, environment: told, isDryRun } = place.value;
  const sources = new Map([
    [file.name, file.text],
    [lockName, lock.text],
  ]);
  const known = { provider: provider.name, isDryRun, lock, sources };
  if (!checked.pipeline) {
    const evaluator = await loadEvaluator(false);
    const diagnostics = [...checked.diagnostics, ...lock.diagnostics];
    return ok({ ...known, plan: null, offers: null, evaluator, notYet: [], diagnostics });
  }
  const [context, evaluator] = await Promise.all([
    provider.context({
      ...{ environment: told, git, overrides, runId },
      wanted: new Set(checked.pipeline.facts),
    }),
    loadEvaluator(checked.pipeline.hasExpressions),
  ]);
  if (!context.ok) return context;
  const offers = provider.offers?.(told, context.value) ?? null;
  const planned = planPipeline(checked.pipeline, { ...selection, context: context.value }, evaluator);
  return ok({
    ...known,
    plan: planned.plan,
    offers: offers && isDryRun ? withoutServices(offers) : offers,
    evaluator,
    notYet: unsupportedYet(checked.pipeline, planned.plan?.jobs.map(({ name }) => name) ?? []),
    diagnostics: [...checked.diagnostics, ...lock.diagnostics, ...planned.diagnostics],
  });
}

/** A warning for each image that the lock file, where there is one, does not pin. */
export async function unlockedIn(
  plan: Plan,
  { pins }: LockFile,
  evaluator: Evaluator,
): Promise<readonly Diagnostic[]> {
  return pins === null
    ? []
    : (await import('../pipeline/image-uses.ts')).unlockedImages(plan, pins, evaluator);
}

export async function previewOf(
  { plan, evaluator, offers, isDryRun }: Planned & { readonly plan: Plan },
  secrets: LocatedSecrets,
): Promise<PlanPreview> {
  const [{ previewPlan }, { previewMachines }] = await Promise.all([
    import('../pipeline/preview.ts'),
    import('./machines.ts'),
  ]);
  return {
    ...previewPlan(plan, evaluator, secrets.withheldFrom),
    machines: previewMachines(plan),
    secrets: previewSecrets(plan, secrets),
    ...(offers && { on: platformPreview(plan, offers, isDryRun, secrets.withheld) }),
  };
}

const platformPreview = (
  { context: { event, git } }: Plan,
  { platform, trust, cache, cacheFolder, artifacts, secrets }: Offers,
  dryRun: boolean,
  withheld: boolean,
): PlatformPreview => ({
  ...{ name: platform, dryRun, event, ref: git.ref },
  ...{ reads: [trust.scope, ...trust.reads], writes: trust.writes ? trust.scope : null },
  noCache: cache.is === 'absent' ? cache.because : null,
  ...(cacheFolder !== undefined && { cacheFolder }),
  noArtifacts: artifacts.is === 'absent' ? artifacts.because : null,
  noSecrets: withheld
    ? 'a change from a fork gets none without --allow fork-secrets'
    : secrets.is === 'absent'
      ? secrets.because
      : null,
});

export async function pipelineSchema(): Promise<object> {
  return (await import('../pipeline/json-schema.ts')).pipelineJsonSchema();
}
