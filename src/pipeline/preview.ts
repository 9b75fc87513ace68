// A plan → what is known of each job before anything runs: would it run, with which image, services and names.
import type { Evaluator } from '../contract/evaluator.ts';
import { instanceName } from '../model/instance-name.ts';
import type { MatrixValues, Plan, PlannedJob } from '../model/plan.ts';
import type { Decision, InstancePreview, JobPreview, PlanPreview } from '../model/plan-preview.ts';
import { secretsUsedBy } from '../model/secret-uses.ts';
import { decideJobs, type Withheld } from './decision.ts';
import { knownText, knownTexts, runScope, withEnv, withMatrix, type KnownScope } from './known-values.ts';

/** `withheld`: as `decideJobs` has it. */
export function previewPlan(plan: Plan, evaluator: Evaluator, withheld: Withheld = new Map()): PlanPreview {
  const scope = runScope(plan, evaluator);
  const decisions = decideJobs(plan, scope, evaluator, withheld);
  const { pipeline, platform, params } = plan;
  const jobs = plan.jobs.map((job) =>
    previewJob(job, decisions.get(job.name) ?? { kind: 'run' }, scope, evaluator),
  );
  return { pipeline, platform, params, jobs };
}

/** Those that the plan does not already know to be skipped. */
export function jobsThatMayRun(plan: Plan, evaluator: Evaluator, withheld: Withheld): readonly PlannedJob[] {
  const decisions = decideJobs(plan, runScope(plan, evaluator), evaluator, withheld);
  return plan.jobs.filter(({ name }) => decisions.get(name)?.kind !== 'skipped');
}

function previewJob(
  job: PlannedJob,
  decision: Decision,
  scope: KnownScope,
  evaluator: Evaluator,
): JobPreview {
  const { name, description, matrix } = job;
  const steps = [...job.steps, ...job.finally];
  return {
    name,
    ...(description !== undefined && { description }),
    needs: job.needs.map((need) => need.job),
    decision,
    secrets: secretsUsedBy([job]),
    caches: job.caches.map((cache) => cache.name),
    steps: steps.map((step) => step.name),
    artifacts: Object.keys(job.artifacts),
    outputs: Object.keys(job.outputs),
    instances:
      'template' in matrix
        ? null
        : matrix.instances.map((values) => previewInstance(job, values, scope, evaluator)),
  };
}

function previewInstance(
  job: PlannedJob,
  values: MatrixValues,
  before: KnownScope,
  evaluator: Evaluator,
): InstancePreview {
  const outer = withMatrix(before, values);
  const env = knownTexts(job.env, outer, evaluator);
  const scope = withEnv(outer, env);
  const services = Object.entries(job.services).map(([name, { image }]) => [name, image] as const);
  return {
    name: instanceName(job.name, values),
    image: knownText(job.image, scope, evaluator),
    timeout: knownText(job.timeout, scope, evaluator),
    env,
    services: knownTexts(Object.fromEntries(services), scope, evaluator),
  };
}
