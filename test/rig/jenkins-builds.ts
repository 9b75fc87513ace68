// Builds with the library of templates/jenkins in which the program only tells how it was called.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Asked, Told } from './jenkins/program.ts';
import { Jenkins, library, type Build, type Scenario } from './jenkins.ts';
import { Project } from './project.ts';

export interface ToldBuild extends Build {
  /** In the order of the calls. */
  readonly program: readonly Told[];
  readonly home: string;
}

export type BuildOptions = Partial<Omit<Scenario, 'script'>> & {
  readonly program?: Partial<Asked>;
  /** Another JVM. */
  readonly jenkins?: Jenkins;
  /** Hears of each line of the log. */
  readonly seen?: (line: string) => void;
};

/** What a job leaves that the program is asked nothing else for. */
export const success = { status: 'success', jobs: { test: { status: 'success', outputs: { word: 'hi' } } } };
/** A plan: what each job needs, which has a machine of its own. */
export const machines = (needs: Readonly<Record<string, readonly string[]>>): object => ({
  machines: Object.entries(needs).map(([name, of]) => ({ name, words: [name], needs: of })),
});
/** Whatever a shell, Groovy or a line could take for something else. */
export const value = `a "quoted" 'value' with $HOME, \`ticks\` and \\\nsecond line`;

export class Builds implements AsyncDisposable {
  readonly jenkins: Jenkins;
  readonly project = new Project({
    'lockstep.yml': 'version: 1\n',
    deploy: '#!/bin/sh\necho "deploys $1"\n',
  });
  readonly commit: string;
  readonly base = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-jenkins-')));
  #count = 0;

  private constructor(jenkins: Jenkins) {
    this.jenkins = jenkins;
    this.project.sh('chmod +x deploy');
    this.project.commit();
    this.commit = this.project.sh('git rev-parse HEAD').trim();
    cpSync(library, join(this.base, 'library'), { recursive: true });
    const program = readFileSync(fileURLToPath(new URL('jenkins/program.ts', import.meta.url)), 'utf8');
    writeFileSync(join(this.base, 'library/resources/lockstep/lockstep.mjs'), stripTypeScriptTypes(program));
  }

  static async start(): Promise<Builds> {
    return new Builds(await Jenkins.start());
  }

  /** Of the next build. */
  newHome(): string {
    return join(this.base, `build ${++this.#count}`);
  }

  async run(script: string, options: BuildOptions = {}): Promise<ToldBuild> {
    const { program, jenkins = this.jenkins, home = this.newHome(), seen, environment, ...rest } = options;
    mkdirSync(home, { recursive: true });
    const log = join(home, 'program.jsonl');
    const asked: Asked = { log, results: { '*': success }, ...program };
    const build = await jenkins.run(
      {
        ...{ script, home, library: join(this.base, 'library') },
        ...{ repository: this.project.path, commit: this.commit },
        environment: { LOCKSTEP_TEST: JSON.stringify(asked), ...environment },
        ...rest,
      },
      seen,
    );
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : [];
    return { ...build, home, program: lines.map((line) => JSON.parse(line) as Told) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.jenkins[Symbol.asyncDispose]();
    this.project[Symbol.dispose]();
    rmSync(this.base, { recursive: true, force: true });
  }
}
