// In place of the program in the Jenkins library: tells how it was called, and leaves what a run would. LOCKSTEP_TEST says what.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Asked {
  /** Gets a line of JSON a call. */
  readonly log: string;
  readonly plan?: object;
  readonly version?: string;
  /** By the job that is named first; for `merge`, `merge`; `*` for all others. */
  readonly results: Readonly<Record<string, Left>>;
  /** How `run` and `merge` end. */
  readonly code?: number;
  /** Until a signal comes. */
  readonly waits?: boolean;
}

interface Left {
  /** No result at all. */
  readonly nothing?: boolean;
  readonly status?: string;
  readonly jobs?: object;
  /** Path → text, or that many bytes. `RUN` is the run folder. */
  readonly files?: Readonly<Record<string, string | number>>;
}

/** One call. */
export interface Told {
  readonly command: string;
  readonly words: readonly string[];
  readonly cwd: string;
  readonly head: string | null;
  readonly colour?: string | undefined;
  readonly causes?: string | undefined;
  /** GIT_BRANCH. */
  readonly branch?: string | undefined;
  readonly secrets: Readonly<Record<string, string | undefined>>;
  /** Which jobs' run folders it was given. */
  readonly from: readonly string[];
}

const runId = '20261122-000000-abcdef';
const asked = JSON.parse(process.env.LOCKSTEP_TEST ?? '') as Asked;
const [command = '', ...words] = process.argv.slice(2);
const write = (path: string, content: string | Buffer): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
};
const tell = (told: object): void => appendFileSync(asked.log, `${JSON.stringify(told)}\n`);

tell({
  ...{ command, words, cwd: process.cwd(), head: headCommit(), colour: process.env.FORCE_COLOR },
  ...{ causes: process.env.LOCKSTEP_JENKINS_CAUSE, branch: process.env.GIT_BRANCH },
  secrets: secretsGiven(),
  from: words
    .filter((word) => existsSync(join(word, 'made-by')))
    .map((word) => readFileSync(join(word, 'made-by'), 'utf8')),
} satisfies Told);
if (command === '--version') process.stdout.write(`${asked.version ?? ''}\n`);
if (command === 'plan') process.stdout.write(JSON.stringify(asked.plan));
if (command === 'run' || command === 'merge') {
  process.stdout.write(`${command} ${words.join(' ')}\n`);
  if (asked.waits) wait();
  else {
    const name = command === 'merge' ? 'merge' : (words[0] ?? '');
    leave(name, asked.results[name] ?? asked.results['*'] ?? {});
    process.exit(asked.code ?? 0);
  }
}

function leave(name: string, { nothing, status = 'success', jobs = {}, files = {} }: Left): void {
  if (nothing) return;
  const folder = join('.lockstep/runs', runId);
  const result = JSON.stringify({ status, jobs });
  write(words[words.indexOf('--result') + 1] ?? '', result);
  write('.lockstep/last', `${runId}\n`);
  write(join(folder, 'result.json'), result);
  write(join(folder, 'run.json'), JSON.stringify({ digest: 'sha256:0123' }));
  write(join(folder, 'summary.md'), '# summary\n');
  write(join(folder, 'made-by'), name);
  for (const [path, content] of Object.entries(files))
    write(path.replace('RUN', folder), typeof content === 'number' ? Buffer.alloc(content) : content);
}

function wait(): void {
  process.on('SIGTERM', () => {
    tell({ command: 'SIGTERM' });
    process.exit(143);
  });
  process.stdout.write('now waiting\n');
  setInterval(() => undefined, 1000);
}

function headCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}

/** Variables, and the content of the files that `--secret NAME=file:PATH` names. */
function secretsGiven(): Readonly<Record<string, string | undefined>> {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('LOCKSTEP_SECRET_'));
  const files = words.flatMap((word, at) => {
    const [name = '', path = ''] = word.split('=file:');
    return words[at - 1] === '--secret' ? [[name, readFileSync(path, 'utf8')] as const] : [];
  });
  return Object.fromEntries<string | undefined>([...variables, ...files]);
}
