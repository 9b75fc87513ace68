// A case folder (pipeline, sources, expected.json) → what differs from what it expects. test/cases/README.md has the format.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { z } from 'zod';
import { instanceFileName } from '../../src/model/instance-name.ts';
import type { JobResult, RunResult } from '../../src/model/result.ts';
import { startCli, type Cli, type CliEnd, type CliOptions } from './cli.ts';
import { Project } from './project.ts';

/** How a run is started: `bin/lockstep` as on a laptop, or as a provider would start it. */
export type Start = (args: readonly string[], options: CliOptions) => Cli;

/** A run that takes longer hangs. */
const longestRunMs = 60_000;

const texts = z.record(z.string(), z.string());
const patterns = z.strictObject({
  has: z.array(z.string()).optional(),
  lacks: z.array(z.string()).optional(),
});
const jobExpectation = z.union([
  z.string(),
  z.strictObject({
    is: z.string(),
    outputs: texts.optional(),
    artifacts: z.array(z.string()).optional(),
    steps: z.array(z.string()).optional(),
    names: z.array(z.string()).optional(),
    attempts: z.int().optional(),
  }),
]);
const expectation = {
  args: z.array(z.string()).optional(),
  env: texts.optional(),
  exit: z.int().optional(),
  result: z
    .strictObject({
      status: z.string().optional(),
      pipeline: z.string().nullable().optional(),
      params: z.record(z.string(), z.json()).optional(),
      jobs: z.record(z.string(), jobExpectation).optional(),
    })
    .nullable()
    .optional(),
  output: patterns.optional(),
  stdout: patterns.optional(),
  log: z.record(z.string(), patterns).optional(),
  files: z.record(z.string(), z.string().nullable()).optional(),
  trees: z.record(z.string(), z.array(z.string())).optional(),
  'digest-of-run': z.int().optional(),
  'other-digest-than-run': z.int().optional(),
  'folder-of-run': z.int().optional(),
  reused: texts.optional(),
};
const caseSchema = z.strictObject({
  ...expectation,
  'same-digest-twice': z.literal(true).optional(),
  then: z.array(z.strictObject({ edit: z.string().optional(), ...expectation })).optional(),
});
type RunExpectation = z.infer<z.ZodObject<typeof expectation>>;

interface Ran extends CliEnd {
  /** Null when the command left no run folder. */
  readonly run: ReturnType<Project['lastRun']> | null;
}

/** Rejects with all that differs, run by run, and what the run printed. */
export async function checkCase(folder: string, start: Start = startCli): Promise<void> {
  const {
    'same-digest-twice': twice,
    then: later = [],
    ...first
  } = caseSchema.parse(JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')));
  using project = new Project();
  await cp(folder, project.path, { recursive: true, verbatimSymlinks: true });
  await rm(join(project.path, 'expected.json'));
  await rm(join(project.path, 'setup.sh'), { force: true });
  if (existsSync(join(folder, 'setup.sh'))) await shell(project, join(folder, 'setup.sh'));

  const runs: Ran[] = [];
  const next = async (expected: RunExpectation, edit?: string): Promise<void> => {
    if (edit !== undefined) await shell(project, '-c', edit);
    const ran = await runOnce(project, expected, runs, start);
    runs.push(ran);
    const differences = compare(expected, ran, runs, project);
    if (differences.length === 0) return;
    const title = `run ${runs.length}: lockstep ${commandOf(expected).join(' ')}`;
    throw new Error([title, ...differences, '--- output', ran.output].join('\n'));
  };
  await next(first);
  if (twice) {
    const { args = ['run'], exit = 0, result, log } = first;
    await next({ ...first, args: [...args, '--no-reuse'], 'digest-of-run': 1 });
    // Once more, from what the runs before recorded: the same result and the same logs.
    await next({ args, exit, result, log, 'digest-of-run': 1 });
  }
  for (const { edit, ...expected } of later) await next(expected, edit);
}

const commandOf = ({ args = ['run'] }: RunExpectation): readonly string[] => args;

async function runOnce(
  project: Project,
  expected: RunExpectation,
  runs: readonly Ran[],
  start: Start,
): Promise<Ran> {
  const last = join(project.path, '.lockstep/last');
  const before = existsSync(last) ? readFileSync(last, 'utf8') : null;
  const args = commandOf(expected).map((arg) =>
    arg.replace(/^RUN(\d+)$/, (_, number: string) => runFolder(runs, Number(number))),
  );
  const cli = start(args, { cwd: project.path, env: expected.env ?? {} });
  const late = setTimeout(() => cli.child.kill('SIGKILL'), longestRunMs);
  const end = await cli.end.finally(() => clearTimeout(late));
  const wrote = existsSync(last) && readFileSync(last, 'utf8') !== before;
  return { ...end, run: wrote ? project.lastRun() : null };
}

function runFolder(runs: readonly Ran[], number: number): string {
  const run = runs[number - 1]?.run;
  if (!run) throw new Error(`the case names run ${number}, which left no run folder`);
  return run.folder;
}

/** A script in the project, with an identity for git that is no one's. */
async function shell(project: Project, ...script: readonly string[]): Promise<void> {
  const identity = Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((role) => [
      [`GIT_${role}_NAME`, 'case'],
      [`GIT_${role}_EMAIL`, 'case@example.com'],
      [`GIT_${role}_DATE`, '2024-02-03T04:05:06Z'],
    ]),
  ) as Readonly<Record<string, string>>;
  const git = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'init.defaultBranch', GIT_CONFIG_VALUE_0: 'main' };
  await promisify(execFile)('bash', ['-euo', 'pipefail', ...script], {
    cwd: project.path,
    env: { ...process.env, ...identity, ...git },
  });
}

function compare(expected: RunExpectation, ran: Ran, runs: readonly Ran[], project: Project): string[] {
  const { run } = ran;
  return [
    ...differ('exit code', expected.exit ?? 0, ran.code ?? String(ran.signal)),
    ...differText('output', expected.output, ran.output),
    ...differText('stdout', expected.stdout, ran.stdout),
    ...compareResult(expected.result, run),
    ...Object.entries(expected.log ?? {}).flatMap(([job, wanted]) =>
      differText(
        `log of ${job}`,
        wanted,
        read(project, inRun(run, `RUN/logs/${instanceFileName(job)}.log`)) ?? '',
      ),
    ),
    ...Object.entries(expected.files ?? {}).flatMap(([path, text]) =>
      differ(path, text, read(project, inRun(run, path))),
    ),
    ...Object.entries(expected.trees ?? {}).flatMap(([path, entries]) =>
      differ(`tree ${path}`, entries, listTree(join(project.path, inRun(run, path)))),
    ),
    ...compareDigests(expected, ran, runs),
    ...Object.entries(expected.reused ?? {}).flatMap(([job, wanted]) =>
      differ(`${job} reused`, wanted, reusedOf(run, job)),
    ),
    ...compareFolders(expected['folder-of-run'], ran, runs, project),
  ];
}

/** `RUN/…` lies in the run's folder. */
const inRun = (run: Ran['run'], path: string): string =>
  path.replace(/^RUN\//, `${run?.folder ?? 'no-run'}/`);

function read(project: Project, path: string): string | null {
  return existsSync(join(project.path, path)) ? project.read(path) : null;
}

function compareResult(expected: RunExpectation['result'], run: Ran['run']): string[] {
  if (expected === undefined) return [];
  if (expected === null) return differ('run folder', null, run && 'one was left');
  if (!run) return ['result: no run folder was left'];
  const { result, times } = run;
  const { jobs, ...rest } = expected;
  return [
    ...Object.entries(rest).flatMap(([key, value]) => differ(key, value, result[key as keyof RunResult])),
    ...(jobs ? differ('jobs', Object.keys(jobs).sort(), Object.keys(result.jobs).sort()) : []),
    ...Object.entries(jobs ?? {}).flatMap(([name, wanted]) => {
      const job = result.jobs[name];
      if (!job) return [];
      const seen = { ...described(job), attempts: times.jobs[name]?.attempts };
      const fields = typeof wanted === 'string' ? { is: wanted } : wanted;
      return Object.entries(fields).flatMap(([key, value]) =>
        differ(`${name} ${key}`, value, seen[key as keyof typeof seen]),
      );
    }),
  ];
}

/** A job as a case writes it: `failure step-failed allowed`; steps as `success`, `failure 3`. */
const described = (job: JobResult) => ({
  is: [job.status, job.reason, job['allowed-failure'] && 'allowed'].filter(Boolean).join(' '),
  outputs: job.outputs,
  artifacts: Object.keys(job.artifacts).sort(),
  steps: job.steps.map(({ status, 'exit-code': code }) => (code ? `${status} ${code}` : status)),
  names: job.steps.map(({ name }) => name),
});

function compareDigests(expected: RunExpectation, { run }: Ran, runs: readonly Ran[]): string[] {
  const { 'digest-of-run': same, 'other-digest-than-run': other } = expected;
  const digestOf = (number: number): string | undefined => runs[number - 1]?.run?.times.digest;
  const results = (number: number): string =>
    [runs[number - 1]?.run, run].map((each) => `\n  ${JSON.stringify(each?.result)}`).join('');
  return [
    ...(same !== undefined && (!run || digestOf(same) !== run.times.digest)
      ? [`the result differs from that of run ${same}:${results(same)}`]
      : []),
    ...(other !== undefined && digestOf(other) === run?.times.digest
      ? [`the result is that of run ${other}`]
      : []),
  ];
}

/** `all`, `none`, or `prefix` and the number of its steps. */
function reusedOf(run: Ran['run'], job: string): string | null {
  const times = run?.times.jobs[job];
  if (times?.reused !== 'prefix') return times?.reused ?? null;
  return `prefix ${times.steps.filter(({ reused }) => reused).length}`;
}

/** Names may be any bytes; left out is what tells of times or of what was reused. */
const listBytes = `
  find . ! -name events.jsonl ! -name run.json ! -name inputs.json ! -path ./summary.md '(' ! -type d -o -empty ')' -printf '%M %p %l\\n'
  find . ! -name events.jsonl ! -name run.json ! -name inputs.json ! -path ./summary.md -type f -exec sha256sum '{}' +`;

/** The two run folders hold the same files with the same bytes, whatever was reused. */
function compareFolders(
  number: number | undefined,
  { run }: Ran,
  runs: readonly Ran[],
  project: Project,
): string[] {
  if (number === undefined) return [];
  const [before = [], now = []] = [runFolder(runs, number), run?.folder ?? '.'].map((folder) =>
    execFileSync('bash', ['-c', listBytes], { cwd: join(project.path, folder), encoding: 'latin1' }).split(
      '\n',
    ),
  );
  return [
    ...before.filter((line) => !now.includes(line)).map((line) => `run folder: lacks ${line}`),
    ...now.filter((line) => !before.includes(line)).map((line) => `run folder: has ${line}`),
    ...(isDeepStrictEqual(inputsOf(runs[number - 1]), inputsOf({ run })) ? [] : ['inputs.json differs']),
  ];
}

/** The instances stand in the order in which they ended. */
const inputsOf = (ran: Pick<Ran, 'run'> | undefined) =>
  ran?.run && { ...ran.run.inputs, instances: ran.run.inputs.instances.toSorted() };

/** Entries below a folder as `ls -F` marks them: `run*`, `link -> target`; folders only where they are empty (`empty/`). */
function listTree(root: string): string[] | null {
  if (!existsSync(root)) return null;
  const list = (folder: string, prefix: string): string[] =>
    readdirSync(folder)
      .sort()
      .flatMap((name) => {
        const path = join(folder, name);
        const stat = lstatSync(path);
        if (stat.isSymbolicLink()) return [`${prefix}${name} -> ${readlinkSync(path)}`];
        if (!stat.isDirectory()) return [`${prefix}${name}${stat.mode & 0o100 ? '*' : ''}`];
        const below = list(path, `${prefix}${name}/`);
        return below.length > 0 ? below : [`${prefix}${name}/`];
      });
  return list(root, '');
}

/** Values as JSON, whose keys may stand in any order. */
function differ(what: string, expected: unknown, found: unknown): string[] {
  const [wanted, seen] = [expected, found].map((value) => JSON.stringify(inOrder(value ?? null)));
  return wanted === seen ? [] : [`${what}: expected ${wanted ?? ''}, found ${seen ?? ''}`];
}

const inOrder = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

function differText(
  what: string,
  { has = [], lacks = [] }: z.infer<typeof patterns> = {},
  text: string,
): string[] {
  return [
    ...has.filter((pattern) => !matches(pattern, text)).map((pattern) => `${what}: lacks ${pattern}`),
    ...lacks.filter((pattern) => matches(pattern, text)).map((pattern) => `${what}: has ${pattern}`),
  ];
}

/** `/…/` is a regular expression (`^` and `$` at lines), anything else is the text itself. */
const matches = (pattern: string, text: string): boolean =>
  pattern.length > 2 && pattern.startsWith('/') && pattern.endsWith('/')
    ? new RegExp(pattern.slice(1, -1), 'm').test(text)
    : text.includes(pattern);
