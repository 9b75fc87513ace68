// One job of the file → the planned job: short forms written out, defaults filled in, names of shells as words.
import { posix } from 'node:path';
import { parseDuration } from '../model/duration.ts';
import type { Job, Pipeline, Service, Step } from '../model/pipeline.ts';
import type {
  AllowFailure,
  Condition,
  Need,
  PlannedArtifact,
  PlannedCache,
  PlannedJob,
  PlannedReports,
  PlannedService,
  PlannedStep,
  Ready,
  Resources,
  Retry,
} from '../model/plan.ts';
import { parseSize } from '../model/size.ts';
import type { LoadedPipeline } from './loaded.ts';

/** All of a planned job that its own text and the defaults decide. */
export type JobBody = Omit<PlannedJob, 'name' | 'needs' | 'takesFrom' | 'matrix' | 'only'>;

type Conditions = LoadedPipeline['conditions'];

export function planBody(
  job: Job,
  { pipeline: { defaults = {}, caches = {} }, conditions }: LoadedPipeline,
): JobBody {
  const settings = { ...defaults, ...job };
  const shell = shellWords(settings.shell);
  const planned = (steps: readonly Step[]): readonly PlannedStep[] =>
    steps.map((step) => planStep(step, shell, conditions));
  return {
    ...(job.description !== undefined && { description: job.description }),
    condition: planCondition(job.if, conditions),
    failFast: job['fail-fast'] ?? false,
    maxParallel: job['max-parallel'] ?? null,
    image: settings.image?.ref ?? '',
    inputs: job.inputs ?? ['**'],
    git: job.git ?? false,
    env: job.env ?? {},
    secrets: job.secrets ?? [],
    caches: [...new Set(settings.caches)].flatMap((name) => {
      const cache = caches[name];
      return cache ? [planCache(name, cache)] : [];
    }),
    services: mapValues(job.services, planService),
    steps: planned(job.steps),
    finally: planned(job.finally ?? []),
    outputs: job.outputs ?? {},
    artifacts: mapValues(job.artifacts, planArtifact),
    reports: planReports(job.reports),
    reuse: job.reuse ?? true,
    timeout: settings.timeout ?? '60m',
    retry: planRetry(settings.retry),
    allowFailure: planAllowFailure(job['allow-failure']),
    resources: planResources(settings.resources),
    user: settings.user ?? null,
    workdir: inWorkspace(job.workdir ?? '.'),
    network: job.network ?? true,
    privileged: job.privileged ?? false,
  };
}

function planStep(step: Step, jobShell: readonly string[], conditions: Conditions): PlannedStep {
  return {
    name: step.name ?? firstLine(step.run),
    id: step.id ?? null,
    run: step.run,
    shell: step.shell === undefined ? jobShell : shellWords(step.shell),
    inputs: step.inputs ?? null,
    env: step.env ?? {},
    secrets: step.secrets ?? [],
    workdir: step.workdir === undefined ? null : inWorkspace(step.workdir),
    user: step.user ?? null,
    services: step.services ?? true,
    condition: planCondition(step.if, conditions),
    timeout: step.timeout ?? null,
    retry: planRetry(step.retry),
    allowFailure: planAllowFailure(step['allow-failure']),
    reuse: step.reuse ?? true,
  };
}

/** As all paths of the file: relative to `/work`. */
const inWorkspace = (path: string): string => posix.resolve('/work', path);

/** The first line that says what the script is about. */
function firstLine(script: string): string {
  const lines = script
    .trim()
    .split('\n')
    .map((line) => line.trim());
  return lines.find((line) => line !== '' && !saysNothing.test(line)) ?? lines[0] ?? '';
}

/** Comments and `#!`, options of the shell, brackets alone on their line. */
const saysNothing = /^(?:#|\/\/|set [-+][-+\w ]*$|[()[\]{}]+;?$)/;

function shellWords(shell: Job['shell']): readonly string[] {
  if (Array.isArray(shell)) return shell;
  switch (shell) {
    case 'bash':
      return ['bash', '-eo', 'pipefail'];
    case 'python':
      return ['python3'];
    case 'node':
      return ['node'];
    case 'sh':
    case undefined:
      return ['sh', '-e'];
  }
}

type Cache = NonNullable<Pipeline['caches']>[string];

const planCache = (name: string, { path, key, save }: Cache): PlannedCache => ({
  name,
  path: inWorkspace(path),
  key: key ?? [],
  save: save ?? 'success',
});

function planCondition(text: string | undefined, conditions: Conditions): Condition | null {
  if (text === undefined) return null;
  const condition = conditions[text];
  if (!condition) throw new Error(`a condition that was not loaded: ${text}`);
  return condition;
}

/** Durations and sizes were checked by the schema. */
const milliseconds = (text: string | undefined, fallback: number): number =>
  text === undefined ? fallback : (parseDuration(text) ?? fallback);

function planRetry(retry: Job['retry']): Retry {
  return {
    max: retry?.max ?? 0,
    on: retry?.on ?? ['failure', 'timeout', 'environment'],
    delayMs: milliseconds(retry?.delay, 1000),
    backoff: retry?.backoff ?? 2,
  };
}

const planAllowFailure = (allow: Job['allow-failure']): AllowFailure =>
  typeof allow === 'object' ? { exitCodes: allow['exit-codes'] } : (allow ?? false);

function planResources({ cpus, memory, shm, pids }: NonNullable<Job['resources']> = {}): Resources {
  const bytes = (text: string | undefined): number | null => (text === undefined ? null : parseSize(text));
  const [memoryBytes, shmBytes] = [bytes(memory), bytes(shm)];
  return {
    ...(cpus !== undefined && { cpus }),
    ...(memoryBytes !== null && { memoryBytes }),
    ...(shmBytes !== null && { shmBytes }),
    ...(pids !== undefined && { pids }),
  };
}

function planService(service: Service): PlannedService {
  return {
    image: service.image.ref,
    env: service.env ?? {},
    command: service.command ?? null,
    entrypoint: service.entrypoint ?? null,
    secrets: service.secrets ?? [],
    ready: planReady(service.ready),
    resources: planResources(service.resources),
    user: service.user ?? null,
    privileged: service.privileged ?? false,
  };
}

function planReady(ready: Service['ready']): Ready | null {
  if (ready === undefined) return null;
  const { run, tcp, http } = ready;
  return {
    check: run !== undefined ? { run } : tcp !== undefined ? { tcp } : { http: http ?? '' },
    intervalMs: milliseconds(ready.interval, 500),
    timeoutMs: milliseconds(ready.timeout, 60_000),
  };
}

type Artifact = NonNullable<Job['artifacts']>[string];

const planArtifact = (artifact: Artifact): PlannedArtifact => ({
  paths: artifact.paths,
  exclude: artifact.exclude ?? [],
  when: artifact.when ?? 'success',
  expireMs: milliseconds(artifact.expire, 30 * 86_400_000),
  empty: artifact.empty ?? 'error',
});

function planReports(reports: Job['reports']): PlannedReports {
  return {
    junit: reports?.junit ?? [],
    cobertura: reports?.coverage?.cobertura ?? [],
    lcov: reports?.coverage?.lcov ?? [],
    sarif: reports?.sarif ?? [],
  };
}

/** The artifacts that a job takes of each of its needs: all that are declared unless it says otherwise. */
export function planNeeds(job: Job, jobs: Pipeline['jobs']): readonly Need[] {
  return (job.needs ?? []).map(({ job: name, artifacts = true }) => {
    if (Array.isArray(artifacts)) return { job: name, artifacts };
    return { job: name, artifacts: artifacts ? Object.keys(jobs[name]?.artifacts ?? {}) : [] };
  });
}

const mapValues = <From, To>(
  values: Readonly<Record<string, From>> | undefined,
  plan: (value: From) => To,
): Readonly<Record<string, To>> =>
  Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, plan(value)]));
