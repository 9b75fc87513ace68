// `dist/action.js` as a machine of GitHub's runs it: main and post as two processes, with the runner's variables and files,
// and what the runner understands of their log.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResultsService } from '../fakes/results-service.ts';
import { removeSnapshots, type Project } from './project.ts';
import { readRunnerLog, type RunnerLog } from './runner-log.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export interface StepEnd extends RunnerLog {
  readonly code: number | null;
  readonly log: string;
  /** What it wrote to GITHUB_OUTPUT. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface StartedStep {
  readonly child: ChildProcess;
  readonly end: Promise<StepEnd>;
  /** Resolves as soon as the log so far matches. */
  readonly printed: (pattern: RegExp) => Promise<void>;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** A hosted runner: it begins with nothing, and what it left in the engine goes with it. */
export class Machine implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-runner-'));
  readonly #project: Project;
  readonly #variables: Variables;
  readonly #children: ChildProcess[] = [];
  #state: Readonly<Record<string, string>> = {};

  constructor(project: Project, variables: Variables = {}) {
    this.#project = project;
    for (const name of ['home', 'temp']) mkdirSync(join(this.#folder, name));
    writeFileSync(join(this.#folder, 'event.json'), '{}');
    this.#variables = variables;
  }

  get temporaryFolder(): string {
    return join(this.#folder, 'temp');
  }

  /** What every step of the job is told. Inputs as people write them below `with:`. */
  environment(inputs: Variables = {}): Variables {
    const given = { 'working-directory': '.', reuse: 'true', cache: 'true', ...inputs };
    const named = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name.toUpperCase(), value]),
    );
    return {
      PATH: process.env.PATH,
      DOCKER_HOST: process.env.DOCKER_HOST,
      HOME: join(this.#folder, 'home'),
      CI: 'true',
      ...pushTo('main', this.#project),
      GITHUB_ACTIONS: 'true',
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_EVENT_PATH: join(this.#folder, 'event.json'),
      GITHUB_WORKSPACE: this.#project.path,
      RUNNER_TEMP: this.temporaryFolder,
      ...prefixed('INPUT_', named),
      ...this.#variables,
    };
  }

  start(inputs: Variables = {}, variables: Variables = {}, state: Variables = {}): StartedStep {
    const files = Object.fromEntries(
      ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY', 'GITHUB_ENV'].map((name) => {
        const file = join(this.#folder, name);
        writeFileSync(file, '');
        return [name, file];
      }),
    );
    const child = spawn(at('node_modules/.bin/node'), [at('dist/action.js')], {
      cwd: this.#project.path,
      env: { ...this.environment(inputs), ...files, ...prefixed('STATE_', state), ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    let log = '';
    const looks = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        for (const look of looks) look();
      });
    const end = new Promise<StepEnd>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        // A test that gave up took the folder with it.
        if (!existsSync(this.#folder)) return;
        const read = (name: string): string => readFileSync(files[name] ?? '', 'utf8');
        // What `post` says has nobody after it.
        if (Object.keys(state).length === 0) this.#state = readFileCommands(read('GITHUB_STATE'));
        const outputs = readFileCommands(read('GITHUB_OUTPUT'));
        resolve({ code, log, outputs, summary: read('GITHUB_STEP_SUMMARY'), ...readRunnerLog(log) });
      });
    });
    const printed = (pattern: RegExp): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(log)) resolve();
        };
        looks.add(look);
        look();
        void end.then(() => reject(new Error(`ended without printing ${String(pattern)}:\n${log}`)));
      });
    return { child, end, printed };
  }

  run(inputs?: Variables, variables?: Variables): Promise<StepEnd> {
    return this.start(inputs, variables).end;
  }

  /** With the state that `run` left; nothing else is common to the two. */
  post(variables?: Variables): Promise<StepEnd> {
    return this.start({}, variables, this.#state).end;
  }

  event(payload: unknown): void {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    writeFileSync(join(this.#folder, 'event.json'), text);
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
    removeSnapshots(join(this.#folder, 'home', '.cache'));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const prefixed = (prefix: string, all: Variables): Variables =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [prefix + name, value]));

/** What the runner says of a push; of the commit only where there is one. */
function pushTo(branch: string, project: Project): Variables {
  const sha = existsSync(join(project.path, '.git')) ? project.sh('git rev-parse HEAD').trim() : '';
  return {
    ...{ GITHUB_EVENT_NAME: 'push', GITHUB_REF: `refs/heads/${branch}`, GITHUB_REF_NAME: branch },
    ...{ GITHUB_REF_TYPE: 'branch', GITHUB_SHA: sha, GITHUB_REPOSITORY: 'o/r' },
    ...{ GITHUB_RUN_ID: '7', GITHUB_RUN_NUMBER: '3', GITHUB_RUN_ATTEMPT: '1' },
  };
}

export const pullRequestEvent = (
  fork: boolean,
): { readonly payload: unknown; readonly variables: Variables } => ({
  payload: {
    pull_request: {
      number: 5,
      head: { ref: 'change', sha: 'a', repo: { id: fork ? 2 : 1, full_name: fork ? 'x/r' : 'o/r' } },
      base: { ref: 'main', sha: 'b', repo: { id: 1, full_name: 'o/r' } },
    },
    repository: { default_branch: 'main' },
  },
  variables: {
    GITHUB_EVENT_NAME: 'pull_request',
    ...{ GITHUB_REF: 'refs/pull/5/merge', GITHUB_REF_NAME: '5/merge' },
    ...{ GITHUB_HEAD_REF: 'change', GITHUB_BASE_REF: 'main' },
  },
});

/** The places of a service as the runner tells them, but for what this machine says of itself. */
export const servedBy = (service: ResultsService): Variables => service.environment('v2');

/** `NAME=value`, or `NAME<<END`, lines, and `END`. */
function readFileCommands(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, name, end] = /^([^=<]+)<<(.+?)\r?$/.exec(line) ?? [];
    if (name !== undefined && end !== undefined) found[name] = lines.splice(0, lines.indexOf(end)).join('\n');
    else if (line.includes('=')) found[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
  }
  return found;
}

/** As someone who cancels a workflow: SIGTERM follows when 7.5 s were not enough. */
export async function cancelAsRunner({ child, end }: StartedStep): Promise<StepEnd> {
  child.kill('SIGINT');
  const late = setTimeout(() => child.kill('SIGTERM'), 7500);
  return end.finally(() => clearTimeout(late));
}
