// The pipeline language as one zod schema: the only source of its types, its validation and its JSON Schema.
import * as z from 'zod';
import {
  artifactName,
  bound,
  duration,
  either,
  envName,
  filled,
  glob,
  globs,
  hasExpression,
  identifier,
  imageReference,
  onePattern,
  refine,
  script,
  serviceName,
  size,
  someGlobs,
  text,
  variable,
  type Problem,
} from './pipeline-values.ts';

const exitCode = z.int().min(1).max(255);
const count = z.int().min(0);

const scalar = either('a string, a number or true or false', [text, z.number(), z.boolean()]);
const env = z
  .record(envName, scalar.transform(String))
  .describe('Environment variables: strings, numbers or booleans. Expressions are allowed in values.');

const imageObject = z.strictObject({
  ref: imageReference.describe('The image reference. Expressions are allowed.'),
  auth: z
    .strictObject({
      username: filled.describe('The name to log in with.'),
      'password-secret': variable.describe('The name of the declared secret that holds the password.'),
    })
    .optional()
    .describe('How to log in to the registry.'),
});
const image = either('an image reference or {ref, auth}', [imageReference, imageObject])
  .transform((value) => (typeof value === 'string' ? { ref: value } : value))
  .describe('The image that steps run in, e.g. `node:24-bookworm-slim`. Expressions are allowed.');

export const shellNames = ['sh', 'bash', 'python', 'node'] as const;
const shell = either('sh, bash, python, node or a list of words', [
  z.enum(shellNames),
  z.array(filled).min(1),
]).describe('`sh` is `sh -e`, `bash` is `bash -eo pipefail`; a list of words gets the script’s path last.');

const user = either('a user name or number', [filled, count])
  .transform(String)
  .describe('The user (name, number or `user:group`) that steps run as.');

const workdir = filled.describe('The folder that steps start in; relative to `/work`.');

const resources = z
  .strictObject({
    cpus: z.number().positive().optional().describe('Processors, e.g. 1.5.'),
    memory: size.optional().describe('Memory, e.g. `2g` or `512MiB`.'),
    shm: size.optional().describe('Size of `/dev/shm`.'),
    pids: z.int().min(1).optional().describe('The most processes at once.'),
  })
  .describe('Limits.');

const retryReasons = ['failure', 'timeout', 'environment'] as const;
const retryObject = z.strictObject({
  max: count.describe('Further attempts after the first.'),
  on: z.array(z.enum(retryReasons)).optional().describe('What to retry on; all three by default.'),
  delay: duration.optional().describe('Wait before the second attempt; 1s by default.'),
  backoff: z.number().min(1).optional().describe('Each further wait is this much longer; 2 by default.'),
});
const retry = either('a number of attempts or {max, on, delay, backoff}', [count, retryObject])
  .transform((value) => (typeof value === 'number' ? { max: value } : value))
  .describe('Further attempts after a failure.');

const allowFailure = either('true, false or {exit-codes}', [
  z.boolean(),
  z.strictObject({ 'exit-codes': z.array(exitCode).min(1).describe('Those that are let pass.') }),
]).describe('A failure (with one of these exit codes) is let pass.');

const condition = either('an expression', [filled, z.boolean()])
  .transform(String)
  .describe('Runs only if this expression holds. Without a status function it means `success() && (…)`.');

const timeout = bound.describe('The longest time one attempt may take, e.g. `20m`. Expressions are allowed.');
const secretNames = z.array(variable).describe('Names of declared secrets that are granted here.');
const cacheNames = z.array(identifier).describe('Names of declared caches that are mounted.');

const stepObject = z
  .strictObject({
    run: script,
    name: filled.optional().describe('What people see; the first line of `run` by default.'),
    id: identifier.optional().describe('Makes `steps.ID.outputs`, `.exit-code` and `.outcome`.'),
    shell: shell.optional(),
    inputs: globs.optional().describe('From this step on, these of the job’s files are there.'),
    env: env.optional(),
    secrets: secretNames.optional(),
    workdir: workdir.optional(),
    user: user.optional(),
    services: z.boolean().optional().describe('false on leading steps: the job’s services start after them.'),
    if: condition.optional(),
    timeout: timeout.optional(),
    retry: retry.optional(),
    'allow-failure': allowFailure.optional(),
    reuse: z.boolean().optional().describe('false: this step and all after it run every time.'),
  })
  .meta({ id: 'step' });
const step = either('a script or {run, …}', [script, stepObject]).transform((value) =>
  typeof value === 'string' ? { run: value } : value,
);

const exactlyOne =
  (...keys: readonly string[]) =>
  (value: object): Problem | null =>
    keys.filter((key) => Object.hasOwn(value, key)).length === 1
      ? null
      : { code: 'missing-key', message: `this takes exactly one of ${keys.join(', ')}` };

const ready = z
  .strictObject({
    run: script.optional().describe('Ready when this script, run in the service, ends with 0.'),
    tcp: z.int().min(1).max(65535).optional().describe('Ready when this port is listened on.'),
    http: filled.optional().describe('Ready when this URL answers with a success.'),
    interval: bound.optional().describe('Time between looks; 500ms by default.'),
    timeout: bound.optional().describe('The longest wait; 60s by default.'),
  })
  .superRefine(refine(exactlyOne('run', 'tcp', 'http')))
  .describe('How to tell that the service is ready.');

const service = z
  .strictObject({
    image,
    env: env.optional(),
    command: z.array(text).optional().describe('Words in place of the image’s command.'),
    entrypoint: z.array(text).optional().describe('Words in place of the image’s entrypoint.'),
    secrets: secretNames.optional(),
    ready: ready.optional(),
    resources: resources.optional(),
    user: user.optional(),
    privileged: z.boolean().optional().describe('Needs `--allow privileged` on the command line too.'),
  })
  .meta({ id: 'service' });

const need = either('a job name or {job, artifacts}', [
  identifier,
  z.strictObject({
    job: identifier.describe('The job that comes first.'),
    artifacts: either('true, false or a list of names', [z.boolean(), z.array(artifactName)])
      .optional()
      .describe('Which of its artifacts are taken; all by default.'),
  }),
]).transform((value) => (typeof value === 'string' ? { job: value } : value));

const artifactObject = z.strictObject({
  paths: someGlobs.describe('What is collected, relative to `/work`.'),
  exclude: globs.optional(),
  when: z.enum(['success', 'failure', 'always']).optional().describe('`success` by default.'),
  expire: bound.optional().describe('How long the platform keeps it; 30d by default.'),
  empty: z.enum(['error', 'ok']).optional().describe('Whether no file at all is an error (the default).'),
});
const artifact = either('a pattern, a list of patterns or {paths, …}', [
  onePattern,
  z.array(glob).min(1),
  artifactObject,
]).transform((value) => (Array.isArray(value) ? { paths: value } : value));

const reportGlobs = (what: string) => someGlobs.optional().describe(`Patterns of ${what}.`);
const reports = z
  .strictObject({
    junit: reportGlobs('JUnit XML'),
    coverage: z
      .strictObject({ cobertura: reportGlobs('Cobertura XML'), lcov: reportGlobs('lcov files') })
      .superRefine(refine(exactlyOne('cobertura', 'lcov')))
      .optional()
      .describe('Test coverage.'),
    sarif: reportGlobs('SARIF files'),
  })
  .describe('Collected always, above all on failure.');

const combination = z.record(identifier, z.json());
const expression = z
  .string()
  .superRefine(
    refine((value) =>
      hasExpression(value)
        ? null
        : { code: 'wrong-type', message: 'expected a list or an expression, found a text' },
    ),
  );
const matrix = either('name → list, or one expression', [
  expression,
  z
    .object({
      include: z.array(combination).optional().describe('Combinations to extend or add, as on GitHub.'),
      exclude: z.array(combination).optional().describe('Combinations to leave out, as on GitHub.'),
    })
    .catchall(either('a list of values', [z.array(z.json()), expression])),
]).describe('One job instance for each combination of the values.');

const job = z
  .strictObject({
    description: filled.optional().describe('Shown by `lockstep plan`.'),
    image: image.optional(),
    needs: z.array(need).optional().describe('Jobs that come first; their outputs and artifacts are there.'),
    if: condition.optional(),
    matrix: matrix.optional(),
    'fail-fast': z.boolean().optional().describe('true: a failed instance cancels its siblings.'),
    'max-parallel': z.int().min(1).optional().describe('The most instances of the matrix at once.'),
    inputs: globs.optional().describe('The source files that the job can see; all by default.'),
    git: z.boolean().optional().describe('true: `.git` is there too. Needs `reuse: false`.'),
    env: env.optional(),
    secrets: secretNames.optional(),
    caches: cacheNames.optional(),
    services: z
      .record(serviceName, service)
      .optional()
      .describe('Containers beside the job, reached by name.'),
    steps: z.array(step).min(1).describe('Run in order, in one container and one workspace, `/work`.'),
    finally: z.array(step).optional().describe('Steps that run whatever happened to the others.'),
    outputs: z.record(variable, text).optional().describe('Values for `needs.JOB.outputs.NAME`.'),
    artifacts: z.record(artifactName, artifact).optional().describe('Files that outlive the job.'),
    reports: reports.optional(),
    reuse: z.boolean().optional().describe('false: never answered from a record (deployments).'),
    timeout: timeout.optional(),
    retry: retry.optional(),
    'allow-failure': allowFailure.optional(),
    resources: resources.optional(),
    user: user.optional(),
    workdir: workdir.optional(),
    shell: shell.optional(),
    network: z.boolean().optional().describe('false: no network at all.'),
    privileged: z.boolean().optional().describe('true needs `--allow privileged` on the command line too.'),
  })
  .meta({ id: 'job' });

const paramObject = z.strictObject({
  type: z.enum(['string', 'number', 'boolean', 'choice']).describe('The type of its values.'),
  default: scalar.optional().describe('The value where nobody gives one.'),
  options: z.array(text).min(1).optional().describe('The values of a choice.'),
  description: filled.optional().describe('For people.'),
  required: z.boolean().optional().describe('true: there is no run without a value.'),
});
const param = either('a default value or {type, …}', [text, z.number(), z.boolean(), paramObject]).transform(
  (value) => (typeof value === 'object' ? value : { type: typeOf(value), default: value }),
);

function typeOf(value: string | number | boolean): 'string' | 'number' | 'boolean' {
  if (typeof value === 'string') return 'string';
  return typeof value === 'number' ? 'number' : 'boolean';
}

const secretObject = z.strictObject({
  description: filled.optional().describe('For people.'),
  required: z.boolean().optional().describe('true by default.'),
  file: z.boolean().optional().describe('true: delivered as a file, `NAME_FILE` holds its path.'),
  guard: z.boolean().optional().describe('false: masked in logs, not searched for in artifacts.'),
});
const secrets = either('a list of names or name → {…}', [
  z
    .array(variable)
    .transform((names) =>
      Object.fromEntries(names.map((secret): [string, z.infer<typeof secretObject>] => [secret, {}])),
    ),
  z.record(variable, secretObject),
]).describe('Every secret that the file may use.');

const cachePath = filled.superRefine(
  refine((path) => {
    const parts = path.split('/').filter((segment) => segment !== '' && segment !== '.');
    if (!path.startsWith('~') && !parts.includes('..') && parts.length > 0) return null;
    return {
      code: 'path-outside-workspace',
      message: `'${path}' is no path for a cache`,
      hint: 'write an absolute path such as /root/.npm, or one below the workspace',
    };
  }),
);
const cache = z.strictObject({
  path: cachePath.describe('The directory: absolute, or relative to `/work`.'),
  key: someGlobs.optional().describe('Files whose content names the native copy.'),
  save: z.enum(['success', 'always', 'never']).optional().describe('`success` by default.'),
});

const defaults = z
  .strictObject({
    image: image.optional(),
    shell: shell.optional(),
    timeout: timeout.optional(),
    user: user.optional(),
    retry: retry.optional(),
    resources: resources.optional(),
    caches: cacheNames.optional(),
  })
  .describe('For every job that does not say otherwise.');

export const platforms = ['linux/amd64', 'linux/arm64'] as const;

/** `x-…` keys at the top are taken away before. */
export const pipelineSchema = z.strictObject({
  version: z.literal(1).describe('The version of the language.'),
  name: filled.optional().describe('Shown in reports.'),
  params: z.record(identifier, param).optional().describe('Typed inputs: `--param k=v`.'),
  env: env.optional(),
  secrets: secrets.optional(),
  caches: z.record(identifier, cache).optional().describe('Directories that outlive runs.'),
  defaults: defaults.optional(),
  platform: z.enum(platforms).optional().describe('What everything runs on, everywhere.'),
  jobs: z.record(identifier, job).describe('What is run; at least one.'),
});

/** A valid file with its short forms written out; defaults are filled in by the plan. */
export type Pipeline = z.output<typeof pipelineSchema>;
export type Job = z.output<typeof job>;
export type Step = z.output<typeof step>;
export type Service = z.output<typeof service>;
export type Param = z.output<typeof param>;
