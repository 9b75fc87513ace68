// A Jenkinsfile → what a build of it did, run by Jenkins' own CPS engine (test/rig/jenkins) in one JVM for many builds.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheHome } from './cli.ts';
import { findTool } from './tool.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const library = at('templates/jenkins');
const node = at('node_modules/.bin');

/** Where it cannot be had, `missing` says why. */
export const cps = await findTool('groovy-cps');

/** Kind of binding → what a test says is in the credentials. */
export type Credentials = Readonly<
  Record<string, { readonly kinds: readonly string[] } & Readonly<Record<string, unknown>>>
>;

export interface Scenario {
  /** The Jenkinsfile. */
  readonly script: string;
  /** Where agents, stashes and archived files lie. */
  readonly home: string;
  /** Of the build; one that is undefined is taken away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly library?: string;
  readonly credentials?: Credentials;
  /** Plugins that are not installed. */
  readonly absent?: readonly string[];
  /** None: the script has no `scm`. */
  readonly repository?: string | undefined;
  /** Of several, each checkout takes the next. */
  readonly commit?: string | readonly string[];
  readonly unix?: boolean;
  /** What started the build, by the names of Jenkins' classes. */
  readonly causes?: readonly string[];
  /** At the step with this number Jenkins stops, and leaves what it had in `state`, where the next one finds it. */
  readonly stopAt?: number;
  readonly state?: string;
  /** The label of the `sh` in which Jenkins loses the agent. */
  readonly lostAt?: string;
}

export interface Call {
  readonly call: string;
  /** Of `parallel`; '' outside. */
  readonly branch: string;
  readonly stages: readonly string[];
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly branches?: readonly string[];
}

export interface Build {
  /** `stopped`, or the result. */
  readonly end: string;
  readonly error: string | null;
  readonly description: string | null;
  readonly steps: number;
  readonly calls: readonly Call[];
  /** Of a step's `arguments`, for each call of it in order. */
  readonly of: (step: string) => readonly Readonly<Record<string, unknown>>[];
  readonly log: string;
  readonly stageResults: readonly string[];
}

export const plugins = [
  ...['ansicolor', 'credentials-binding', 'jobcacher', 'junit', 'timestamper', 'warnings-ng'],
] as const;

interface Line {
  readonly call?: string;
  readonly log?: string;
  readonly stageResult?: string;
  readonly end?: string;
  readonly error?: string | null;
}

export class Jenkins implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #classes: string;
  #take: (line: string) => void = () => undefined;
  #broken: (error: Error) => void = () => undefined;
  #said = '';

  private constructor(child: ChildProcess, classes: string) {
    this.#child = child;
    this.#classes = classes;
    if (!child.stdout || !child.stderr) throw new Error('a JVM without streams');
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    child.on('close', () => this.#broken(new Error(`the JVM ended: ${this.#said}`)));
  }

  static async start(): Promise<Jenkins> {
    if ('missing' in cps) throw new Error(cps.missing);
    const classes = mkdtempSync(join(tmpdir(), 'lockstep-jenkins-'));
    const sources = readdirSync(at('test/rig/jenkins'))
      .filter((name) => name.endsWith('.groovy'))
      .map((name) => at(`test/rig/jenkins/${name}`));
    const path = [join(cps.program, '*'), classes].join(delimiter);
    const words = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dfile.encoding=UTF-8', '-cp', path];
    await promisify(execFile)('java', [
      ...[...words, 'org.codehaus.groovy.tools.FileSystemCompiler', '--encoding', 'UTF-8', '-d', classes],
      ...sources,
    ]);
    return new Jenkins(spawn('java', [...words, 'main'], { stdio: 'pipe' }), classes);
  }

  /** `seen`: hears of each line of the log. One build at a time. */
  run(scenario: Scenario, seen: (line: string) => void = () => undefined): Promise<Build> {
    const calls: Call[] = [];
    const log: string[] = [];
    const stageResults: string[] = [];
    const build = new Promise<Build>((resolve, reject) => {
      this.#broken = reject;
      this.#take = (text) => {
        const line = JSON.parse(text) as Line;
        if (line.call !== undefined) calls.push(line as Call);
        if (line.stageResult !== undefined) stageResults.push(line.stageResult);
        if (line.log !== undefined) {
          log.push(line.log);
          seen(line.log);
        }
        if (line.end === 'BROKEN') reject(new Error(`${String(line.error)}\n${this.#said}`));
        else if (line.end !== undefined) {
          const of = (step: string) =>
            calls.filter(({ call }) => call === step).map((call) => call.arguments ?? {});
          resolve({ ...(line as Build), calls, of, log: log.join('\n'), stageResults });
        }
      };
    });
    const environment = {
      ...{ PATH: [node, process.env.PATH].join(delimiter), HOME: scenario.home },
      XDG_CACHE_HOME: cacheHome(scenario.home),
      ...{ JENKINS_URL: 'http://jenkins.test/', BUILD_NUMBER: '7', JOB_NAME: 'team x/web/feature%2Fy z' },
      ...{ BUILD_URL: 'http://jenkins.test/job/web/7/', BRANCH_NAME: 'feature/y z' },
      ...scenario.environment,
    };
    this.#tell({
      library,
      absent: [],
      credentials: {},
      causes: ['jenkins.branch.BranchEventCause'],
      ...scenario,
      environment,
    });
    return build;
  }

  /** As a person does who stops a build. */
  abort(): void {
    this.#tell({ abort: true });
  }

  #tell(line: object): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#broken = () => undefined;
    this.#child.kill();
    rmSync(this.#classes, { recursive: true, force: true });
    return Promise.resolve();
  }
}
