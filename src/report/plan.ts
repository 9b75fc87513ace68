// What is known of a plan before anything runs → text for people.
import type {
  Decision,
  InstancePreview,
  JobPreview,
  PlanPreview,
  PlatformPreview,
  PreviewText,
  SecretPreview,
} from '../model/plan-preview.ts';
import type { JobForesight } from '../model/foresight.ts';
import { instanceJob } from '../model/instance-name.ts';
import { causeWords, fateWord, providedWords } from './foresight-words.ts';
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
    ...(plan.on ? platformLines(plan.on).map(visible) : []),
  ];
  return `${[...head, ...plan.jobs.flatMap((job) => ['', ...renderJob(job, plan, paint)])].join('\n')}\n`;
}

function platformLines({ name, dryRun, event, ref, ...on }: PlatformPreview): string[] {
  const change = event['pull-request'];
  const what = change
    ? `pull request ${change.number} into ${change.target || '?'}${change.fork ? ', from a fork' : ''}`
    : `${event.name}${ref === '' ? '' : ` of ${ref}`}`;
  return [
    `${dryRun ? 'a dry run, as on' : 'on'} ${name}: ${what}`,
    `reuses what is kept here for: ${on.reads.join(', ')}`,
    `keeps: ${on.writes === null ? 'nothing, since anybody may have written what runs' : `for ${on.writes}`}`,
    `cache of the platform: ${cacheWords(on)}`,
    `artifacts of the platform: ${on.noArtifacts === null ? 'there' : `none, since ${on.noArtifacts}`}`,
    `secrets of the platform: ${on.noSecrets === null ? 'there' : `none, since ${on.noSecrets}`}`,
  ];
}

function cacheWords({ noCache, cacheFolder }: Pick<PlatformPreview, 'noCache' | 'cacheFolder'>): string {
  if (cacheFolder === undefined) return noCache === null ? 'there' : `none, since ${noCache}`;
  return noCache === null
    ? `there, and the folder ${cacheFolder}`
    : `the folder ${cacheFolder}, since ${noCache}`;
}

/** Of its instances; none where nothing was foreseen. */
const foreseenOf = ({ foreseen = [] }: PlanPreview, { name }: JobPreview): readonly JobForesight[] =>
  foreseen.filter(({ job }) => instanceJob(job) === name);

function renderJob(job: JobPreview, plan: PlanPreview, paint: Paint): string[] {
  const foreseen = foreseenOf(plan, job);
  const facts: readonly (readonly [string, readonly string[]])[] = [
    ['needs', job.needs],
    ['secrets', plan.secrets === undefined ? job.secrets : []],
    ['caches', job.caches],
    ['steps', foreseen.some(({ steps }) => steps.length > 0) ? [] : job.steps],
    ['outputs', job.outputs],
    ['artifacts', job.artifacts],
  ];
  return [
    `${paint('bold', job.name)}  ${describeDecision(job.decision, foreseen, paint)}`,
    ...(job.description === undefined ? [] : [`  ${visible(job.description)}`]),
    ...facts.flatMap(([name, values]) =>
      values.length === 0 ? [] : [`  ${name}: ${values.map(visible).join(name === 'steps' ? ' → ' : ', ')}`],
    ),
    ...job.secrets.flatMap((name) => {
      const secret = plan.secrets?.[name];
      return secret === undefined ? [] : [`  secret ${visible(name)}: ${visible(secretWords(secret))}`];
    }),
    ...renderInstances(job, foreseen, paint),
  ];
}

function secretWords({ required, file, guard, value }: SecretPreview): string {
  const more = [...(file ? ['as a file'] : []), ...(guard ? [] : ['guard: false'])];
  return [originWords(value, required), ...more].join(', ');
}

function originWords(value: SecretPreview['value'], required: boolean): string {
  switch (value.is) {
    case 'found':
      return `from ${value.from}`;
    case 'missing':
      return required ? `missing: looked in ${value.lookedIn.join(', ')}` : 'missing (optional)';
    case 'refused':
      return `not known: ${value.because}`;
    case 'withheld':
      return 'withheld: fork';
  }
}

function describeDecision(decision: Decision, foreseen: readonly JobForesight[], paint: Paint): string {
  switch (decision.kind) {
    case 'run':
      return foreseen.length > 0 && foreseen.every(({ fate }) => fate === 'reuse')
        ? paint('green', `reused${foreseen[0] ? providedWords(foreseen[0]) : ''}`)
        : paint('green', 'runs');
    case 'skipped':
      return `${paint('yellow', `skipped (${decision.reason})`)}: ${visible(decision.because)}`;
    case 'run-time':
      return `${paint('cyan', 'decided during the run')}: ${visible(decision.because)}`;
  }
}

function renderInstances(job: JobPreview, foreseen: readonly JobForesight[], paint: Paint): string[] {
  const steps = (name: string): string[] =>
    foreseen.filter((one) => one.job === name).flatMap((one) => renderSteps(one, paint));
  if (job.instances === null) {
    const known = foreseen.filter((one) => one.job !== job.name);
    const all = known.flatMap((one) => [
      `  ${paint('bold', visible(one.job))}`,
      ...indent(renderSteps(one, paint), 4),
    ]);
    return known.length > 0 ? all : ['  matrix: known during the run', ...indent(steps(job.name), 2)];
  }
  const [first] = job.instances;
  if (!first) return ['  matrix: empty'];
  if (first.name === job.name) return indent([...renderInstance(first), ...steps(first.name)], 2);
  return [
    ...job.instances.flatMap((instance) => [
      `  ${paint('bold', visible(instance.name))}`,
      ...indent([...renderInstance(instance), ...steps(instance.name)], 4),
    ]),
    ...indent(steps(job.name), 2),
  ];
}

const indent = (lines: readonly string[], by: number): string[] =>
  lines.map((line) => `${' '.repeat(by)}${line}`);

/** A line a step; one for all of them where there is no difference. */
function renderSteps({ fate, because, steps }: JobForesight, paint: Paint): string[] {
  if (fate === 'fail' && because !== null) return [`${paint('red', 'fails')}: ${causeWords(because)}`];
  const words = steps.map((step) => {
    const why = step.because === null ? '' : ` (because ${causeWords(step.because)})`;
    return fateWord(step.fate) + why;
  });
  const [first] = words;
  if (first === undefined) return [];
  if (words.every((word) => word === first)) {
    const names = steps.map(({ name }) => visible(name)).join(' → ');
    return [`steps: ${names}`, `every step: ${first}`];
  }
  return [
    'steps:',
    ...steps.map(({ name }, index) => `  ${index + 1} ${visible(name)}: ${words[index] ?? ''}`),
  ];
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
