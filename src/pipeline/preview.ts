// A plan → what is known of each job before anything runs: would it run, with which image, services and names.
import type { Evaluator } from '../contract/evaluator.ts';
import { instanceName } from '../model/instance-name.ts';
import type { MatrixValues, Plan, PlannedJob } from '../model/plan.ts';
import type { Decision, InstancePreview, JobPreview, PlanPreview } from '../model/plan-preview.ts';
import { decideJobs } from './decision.ts';
import { knownText, knownTexts, runScope, withEnv, withMatrix, type KnownScope } from './known-values.ts';

export function previewPlan(plan: Plan, evaluator: Evaluator): PlanPreview {
  const scope = runScope(plan, evaluator);
  const decisions = decideJobs(plan, scope, evaluator);
  const { pipeline, platform, params } = plan;
  const jobs = plan.jobs.map((job) =>
    previewJob(job, decisions.get(job.name) ?? { kind: 'run' }, scope, evaluator),
  );
  return { pipeline, platform, params, jobs };
}

function previewJob(
  job: PlannedJob,
  decision: Decision,
  scope: KnownScope,
  evaluator: Evaluator,
): JobPreview {
  const { name, description, matrix } = job;
  const steps = [...job.steps, ...job.finally];
  const granted = [job, ...steps, ...Object.values(job.services)].flatMap(({ secrets }) => secrets);
  return {
    name,
    ...(description !== undefined && { description }),
    needs: job.needs.map((need) => need.job),
    decision,
    secrets: [...new Set(granted)].sort(),
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
