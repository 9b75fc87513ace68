// What is known of a plan before anything runs → text for people.
import type {
  Decision,
  InstancePreview,
  JobPreview,
  PlanPreview,
  PreviewText,
} from '../model/plan-preview.ts';
import { formatCount } from './quantity.ts';
import { createPaint, type Paint } from './style.ts';
import { visible } from './visible.ts';

/** Jobs in their order; under each what it needs, runs on, and why it would not run. */
export function renderPlan(plan: PlanPreview, options: { readonly color: boolean }): string {
  const paint = createPaint(options.color);
  const params = Object.entries(plan.params).map(([name, value]) => `${name}=${String(value)}`);
  const head = [
    `${paint('bold', visible(plan.pipeline ?? 'pipeline'))}: ${formatCount(plan.jobs.length, 'job')} on ${plan.platform}`,
    ...(params.length > 0 ? [`params: ${visible(params.join(', '))}`] : []),
  ];
  return `${[...head, ...plan.jobs.flatMap((job) => ['', ...renderJob(job, paint)])].join('\n')}\n`;
}

function renderJob(job: JobPreview, paint: Paint): string[] {
  const facts: readonly (readonly [string, readonly string[]])[] = [
    ['needs', job.needs],
    ['secrets', job.secrets],
    ['caches', job.caches],
    ['steps', job.steps],
    ['outputs', job.outputs],
    ['artifacts', job.artifacts],
  ];
  return [
    `${paint('bold', job.name)}  ${describeDecision(job.decision, paint)}`,
    ...(job.description === undefined ? [] : [`  ${visible(job.description)}`]),
    ...facts.flatMap(([name, values]) =>
      values.length === 0 ? [] : [`  ${name}: ${values.map(visible).join(name === 'steps' ? ' → ' : ', ')}`],
    ),
    ...renderInstances(job, paint),
  ];
}

function describeDecision(decision: Decision, paint: Paint): string {
  switch (decision.kind) {
    case 'run':
      return paint('green', 'runs');
    case 'skipped':
      return `${paint('yellow', `skipped (${decision.reason})`)}: ${visible(decision.because)}`;
    case 'run-time':
      return `${paint('cyan', 'decided during the run')}: ${visible(decision.because)}`;
  }
}

function renderInstances(job: JobPreview, paint: Paint): string[] {
  if (job.instances === null) return ['  matrix: known during the run'];
  const [first] = job.instances;
  if (!first) return ['  matrix: empty'];
  if (first.name === job.name) return renderInstance(first).map((line) => `  ${line}`);
  return job.instances.flatMap((instance) => [
    `  ${paint('bold', visible(instance.name))}`,
    ...renderInstance(instance).map((line) => `    ${line}`),
  ]);
}

function renderInstance({ image, timeout, env, services }: InstancePreview): string[] {
  const names = Object.keys(env);
  return [
    `image: ${shown(image)}`,
    ...Object.entries(services).map(([name, reference]) => `service ${visible(name)}: ${shown(reference)}`),
    ...(names.length > 0 ? [`env: ${names.map(visible).join(', ')}`] : []),
    `timeout: ${shown(timeout)}`,
  ];
}

const shown = ({ template, value }: PreviewText): string =>
  visible(value ?? `${template} (known during the run)`);
