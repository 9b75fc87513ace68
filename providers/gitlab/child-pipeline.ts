// A plan → the text of a child pipeline that runs each of its jobs and matrix instances on a runner of its own.
import { Document, isMap } from 'yaml';
import type { FanOut } from '../../src/contract/generator.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import { instanceName } from '../../src/model/instance-name.ts';
import { shellLine } from '../../src/model/shell-words.ts';
import {
  foldersOf,
  isUsualFile,
  machinesOf,
  madeBy,
  namesWithout,
  neededBy,
  onlyWords,
  type Machine,
} from '../shared/machines.ts';
import { yamlText } from '../shared/yaml-text.ts';

export interface ChildPipelineRequest extends FanOut {
  readonly image: string;
  readonly tags: readonly string[];
  readonly engine: 'auto' | 'dind' | 'socket';
  readonly dindImage: string;
  readonly expireIn: string;
  readonly cacheKey: string;
}

/**
 * `needs` of a job: the default of an instance's setting. `bytes`: GitLab takes 2 MB of what it makes of a file in memory, which its
 * docs say is about five times the file. https://docs.gitlab.com/administration/instance_limits/
 */
const limits = { bytes: 400 * 1000, needs: 50, nameLength: 255, idLength: 100 };

/** Keywords that are no names of jobs, and names that mean more. https://docs.gitlab.com/ci/jobs/#job-names */
const keywords = [
  ...['after_script', 'before_script', 'cache', 'default', 'image', 'include', 'services', 'spec', 'stages'],
  ...['types', 'variables', 'workflow', 'pages', 'true', 'false', 'nil', 'null'],
];

const hidden = { all: '.lockstep', job: '.lockstep-job' };

/** A GitLab job. */
interface Part {
  readonly name: string;
  /** Where its results go. */
  readonly folder: string;
  readonly machine: Machine;
  /** What of the matrix it runs. */
  readonly only: readonly string[];
  /** No more than one of a group runs at once; null: it is in none. */
  readonly group: number | null;
}

interface Place {
  /** Counts from 0. */
  readonly stage: number;
  /** False: GitLab takes no more `needs`, so that this waits for all stages before it. */
  readonly byNeeds: boolean;
}

const stageName = (stage: number): string => (stage === 0 ? 'jobs' : `jobs-${stage + 1}`);
const stageOfResult = 'result';

type Yaml = string | number | boolean | readonly Yaml[] | { readonly [key: string]: Yaml };

/** Failure (`usage`): `workflow-too-large`. */
export function renderChildPipeline(request: ChildPipelineRequest): Outcome<string> {
  const { plan } = request;
  const id = namesWithout([], limits.idLength);
  const name = namesWithout(keywords, limits.nameLength);
  const machines = machinesOf(plan, request.unforeseen, id);
  const parts = machines.flatMap((machine) => partsOf(machine, name));
  const places = placesOf(machines, parts);
  const stages = new Set([...places.values()].map(({ stage }) => stageName(stage)));
  const document = new Document(
    {
      stages: [...stages, stageOfResult],
      [hidden.all]: everyJob(request),
      [hidden.job]: {
        ...{ extends: hidden.all, ...engineOf(request), after_script: ['lockstep sweep --ended'] },
        cache: { paths: [`${cacheFolder}/`], when: 'always' },
      },
      ...Object.fromEntries(
        parts.map((part) => {
          const { stage, byNeeds } = places.get(part.machine) ?? { stage: 0, byNeeds: true };
          const needed = neededBy(part.machine, machines);
          const names = parts.filter(({ machine }) => needed.includes(machine)).map((one) => one.name);
          return [
            part.name,
            {
              ...{ extends: hidden.job, stage: stageName(stage) },
              ...(names.length > 0 && (byNeeds ? { needs: names } : { dependencies: names })),
              ...jobOf(part, needed, request),
            },
          ];
        }),
      ),
      [name('result')]: mergeOf(id('result'), machines, request),
    },
    // GitLab reads YAML 1.1, where `on` and `12:30` are no texts.
    { aliasDuplicateObjects: false, compat: 'yaml-1.1' },
  );
  document.commentBefore = madeBy(plan, shellLine(request.command));
  for (const part of parts) {
    const node = document.get(part.name, true);
    const { note } = part.machine;
    if (note !== null && isMap(node)) node.commentBefore = ` ${note}`;
  }
  const text = yamlText(document, { lineWidth: 0, singleQuote: true });
  return Buffer.byteLength(text) <= limits.bytes
    ? ok(text)
    : fail('usage', 'workflow-too-large', 'the child pipeline is larger than the 400 KB that GitLab takes', {
        hint: 'generate it for some of the jobs, or make matrices smaller',
      });
}

/** `name` makes it a free one. */
function partsOf(machine: Machine, name: (wanted: string) => string): readonly Part[] {
  const { job, instances } = machine;
  const folders = foldersOf(machine);
  const { maxParallel } = job;
  return (instances ?? [{}]).map((values, at) => ({
    ...{ name: name(legalName(instanceName(job.name, values))), folder: folders[at] ?? '', machine },
    only: onlyWords(values),
    group: maxParallel !== null && folders.length > maxParallel ? at % maxParallel : null,
  }));
}

/** One line, without what a terminal or a page would act upon. */
const legalName = (name: string): string => name.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ');

/** A machine is in the stage of what it needs, or in the one after, where it cannot name all of that. */
function placesOf(machines: readonly Machine[], parts: readonly Part[]): ReadonlyMap<Machine, Place> {
  const places = new Map<Machine, Place>();
  for (const machine of machines) {
    const needed = neededBy(machine, machines);
    const byNeeds = parts.filter((part) => needed.includes(part.machine)).length <= limits.needs;
    const latest = Math.max(0, ...needed.map((need) => places.get(need)?.stage ?? 0));
    places.set(machine, { stage: byNeeds ? latest : latest + 1, byNeeds });
  }
  return places;
}

/**
 * Rules, since a job without any is in no pipeline of a merge request. `when: always`: Lockstep decides by the results of the
 * others what is skipped. What comes after a job that was cancelled GitLab skips itself.
 * https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#run-child-pipelines-with-merge-request-pipelines
 */
const everyJob = ({ image, tags, expireIn }: ChildPipelineRequest): Yaml => ({
  image: { name: image, entrypoint: [''] },
  ...(tags.length > 0 && { tags }),
  rules: [{ when: 'always' }],
  interruptible: true,
  // No variable leaves a child pipeline: the limits of a dotenv report stop nobody here.
  variables: { LOCKSTEP_GITLAB_DOTENV: 'false' },
  allow_failure: { exit_codes: [allowedFailure] },
  artifacts: { when: 'always', expire_in: expireIn },
});

const allowedFailure = 75;

/** As templates/lockstep/template.yml has it. */
function engineOf({ engine, dindImage }: ChildPipelineRequest): Readonly<Record<string, Yaml>> {
  const variables = { LOCKSTEP_GITLAB_CACHE: cacheFolder };
  if (engine === 'socket') return { variables };
  return {
    services: [{ name: dindImage, alias: 'docker' }],
    variables: {
      ...variables,
      DOCKER_TLS_CERTDIR: '/certs',
      ...(engine === 'dind' && {
        ...{ DOCKER_HOST: 'tcp://docker:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs/client' },
      }),
    },
  };
}

const cacheFolder = '.lockstep/cache';

const pathOf = (folder: string): string => `.lockstep/gitlab/${folder}`;

/** Run folders, which `--from` and `merge` take. */
const runsOf = (machines: readonly Machine[]): readonly string[] =>
  machines.flatMap(foldersOf).map((folder) => `${pathOf(folder)}/run`);

function jobOf(
  { folder, machine, only, group }: Part,
  needed: readonly Machine[],
  { plan, params, allow, cacheKey }: ChildPipelineRequest,
): Readonly<Record<string, Yaml>> {
  const words = [
    ...['run', machine.job.name],
    ...(needed.length > 0 ? ['--no-needs', '--from', ...runsOf(needed)] : []),
    ...only,
    ...(isUsualFile(plan) ? [] : ['--file', plan.file]),
    ...Object.entries(params).flatMap(([param, value]) => ['--param', `${param}=${value}`]),
    ...(allow.length > 0 ? ['--allow', ...allow] : []),
  ];
  return {
    ...(group !== null && { resource_group: `lockstep-$CI_COMMIT_REF_SLUG-${machine.id}-${group + 1}` }),
    script: [scriptOf(folder, words, ' LOCKSTEP_GITLAB_ARTIFACTS=run')],
    artifacts: {
      paths: [`${pathOf(folder)}/`],
      reports: {
        junit: `${pathOf(folder)}/junit/*.xml`,
        coverage_report: { coverage_format: 'cobertura', path: `${pathOf(folder)}/coverage/*.xml` },
        codequality: `${pathOf(folder)}/codequality.json`,
        annotations: `${pathOf(folder)}/annotations.json`,
      },
    },
    cache: { key: `${cacheKey}-${folder}` },
  };
}

/** In a stage of its own it has the artifacts of all the others. */
function mergeOf(folder: string, machines: readonly Machine[], { jobs }: ChildPipelineRequest): Yaml {
  const path = pathOf(folder);
  return {
    ...{ extends: hidden.all, stage: stageOfResult },
    script: [
      scriptOf(folder, ['merge', ...runsOf(machines), ...(jobs.length > 0 ? ['--job', ...jobs] : [])]),
    ],
    coverage: '/^coverage: (\\d+(?:\\.\\d+)?)% of lines/',
    artifacts: {
      ...{ expose_as: 'Lockstep', paths: [`${path}/`] },
      // The jobs themselves have them.
      exclude: [`${path}/run/artifacts/**/*`],
      reports: { dotenv: `${path}/outputs.env`, annotations: `${path}/annotations.json` },
    },
  };
}

/**
 * The folder is no variable of the job's: one of the same name that came from elsewhere would win. `exec`: what ends the job
 * reaches Lockstep. Artifacts are taken once, in the run folder that the jobs after it need.
 */
const scriptOf = (folder: string, words: readonly string[], more = ''): string =>
  `exec env LOCKSTEP_GITLAB_FOLDER=${pathOf(folder)}${more} ${shellLine(['lockstep', ...words, '--exit-code-allowed-failure', String(allowedFailure)])}`;
