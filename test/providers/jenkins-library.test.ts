// The Jenkins library in Jenkins' own CPS engine, with a program that only tells how it was called: what the steps are given, what
// is done where plugins are missing, and how a build ends.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cps, plugins } from '../rig/jenkins.ts';
import { Builds, success, type BuildOptions, type ToldBuild } from '../rig/jenkins-builds.ts';

describe.skipIf('missing' in cps)(`Jenkins${'missing' in cps ? ` (${cps.missing})` : ''}`, () => {
  let builds: Builds;
  beforeAll(async () => {
    builds = await Builds.start();
  });
  afterAll(() => builds[Symbol.asyncDispose]());
  const run = (script: string, options?: BuildOptions): Promise<ToldBuild> => builds.run(script, options);

  test('the engine is Jenkins’: what cannot be kept over a restart ends the build', async () => {
    await expect(
      run(`def found = ('a1' =~ /\\d/); echo 'now'; echo(found.find() ? 'x' : 'y')`),
    ).rejects.toThrow('java.util.regex.Matcher');
  });

  test('what is wrong is said before anything runs', async () => {
    const wrong = [
      [`parallelStage: true`, "there is no argument 'parallelStage'; did you mean 'parallelStages'?"],
      [`colour: 1`, "there is no argument 'colour'; there are agent, allow, args, cache"],
      [`params: 'a=b'`, "params is a map, not 'a=b'"],
      [`parallelStages: 'yes'`, "parallelStages is true or false, not 'yes'"],
      [`stashLimit: '50'`, "stashLimit is a whole number, not '50'"],
      [`jobs: [1]`, 'jobs is texts, not a list'],
      [`jobs: '--json'`, "'--json' is no name of a job: options go into args"],
      [`cache: 'job-cacher'`, "cache is 'jobcacher', 'directory' or 'none', not 'job-cacher'"],
      [`credentials: [A: [kind: 'strings', id: 'x']]`, "A is of no kind 'strings'; did you mean 'string'?"],
      [
        `credentials: [A: [kind: 'dockerCert', id: 'x']]`,
        "A is of no kind 'dockerCert'; there are certificate, file, sshUserPrivateKey",
      ],
      [`credentials: [A: [kind: 'file']]`, 'A lacks the id of its credentials'],
      [
        `credentials: [A: [kind: 'zip', id: 'x']]`,
        'A is of kind zip: path says which of its files is the secret',
      ],
      [`credentials: [A: [kind: 'file', id: 'x', path: 'y']]`, 'A is of kind file, which has no path'],
      [`credentials: [A: [idd: 'x']]`, "A has no 'idd'; did you mean 'id'?"],
      [`credentials: ['A-B': 'x']`, "'A-B' cannot be the name of a secret"],
      [`credentials: [A: 7]`, 'A is an id, or [kind: …, id: …]'],
    ] as const;
    const build = await run(
      `for (given in [${wrong.map(([words]) => `[${words}]`).join(', ')}]) { try { lockstep(given) } catch (e) { echo(e.message) } }`,
    );
    expect(build.error).toBe(null);
    expect(new Set(build.calls.map(({ call }) => call))).toEqual(new Set(['error', 'echo']));
    const said = build.of('echo').map(({ message }) => String(message));
    expect(said).toEqual(wrong.map(([, message]) => expect.stringContaining(message) as string));
    expect(said.every((line) => line.startsWith('lockstep: '))).toBe(true);
  });

  describe('one agent', () => {
    test('declarative: on the agent that the stage has, in its checkout; the map that is returned', async () => {
      const build = await run(`
        pipeline {
          agent any
          stages {
            stage('Test') { steps { script { def r = lockstep(); echo "status \${r.status} digest \${r.digest} word \${r.outputs.test.word}" } } }
          }
          post { always { echo 'post ran' } }
        }`);
      expect(build.error).toBe(null);
      expect(build.end).toBe('SUCCESS');
      expect(build.log).toContain('status success digest sha256:0123 word hi');
      expect(build.log).toContain('post ran');
      expect(build.of('node')).toEqual([]);
      expect(build.of('checkout')).toEqual([]);
      expect(build.of('stage')).toEqual([{ name: 'Test' }]);
      expect(build.program).toMatchObject([
        { command: 'run', head: builds.commit, cwd: expect.stringMatching(/@2$/) as string },
      ]);
      expect(build.description).toBe('lockstep success, sha256:0123');
    });

    test('scripted: an agent of its own, with a checkout and a stage', async () => {
      const build = await run(`lockstep(agent: 'linux && docker')`);
      expect(build.error).toBe(null);
      expect(build.of('node')).toEqual([{ label: 'linux && docker' }]);
      expect(build.of('checkout')).toHaveLength(1);
      expect(build.of('stage')).toEqual([{ name: 'lockstep' }]);
    });

    test('the program is told what started the build, and of its own checkout which branch Jenkins took', async () => {
      const causes = ['hudson.triggers.TimerTrigger$TimerTriggerCause', 'hudson.model.Cause$UserIdCause'];
      const own = await run(`lockstep(agent: 'any')`, { causes, environment: { BRANCH_NAME: 'topic' } });
      expect(own.error).toBe(null);
      expect(own.program).toMatchObject([{ causes: causes.join(' '), branch: 'topic' }]);
      const environment = { GIT_BRANCH: 'origin/main' };
      const there = await run(`pipeline { agent any; stages { stage('T') { steps { lockstep() } } } }`, {
        ...{ environment, causes: [] },
      });
      expect(there.program).toMatchObject([{ causes: '', branch: 'origin/main' }]);
      const closure = await run(`lockstep(checkout: { writeFile(file: 'lockstep.yml', text: 'x') })`, {
        environment,
      });
      expect(closure.program).toMatchObject([{ branch: 'origin/main' }]);
    });

    test('a checkout of the caller’s', async () => {
      const build = await run(`lockstep(checkout: { writeFile(file: 'lockstep.yml', text: 'x') })`, {
        repository: undefined,
      });
      expect(build.error).toBe(null);
      expect(build.of('checkout')).toEqual([]);
      expect(existsSync(join(build.home, 'agent 1/workspace/team x_web_feature%2Fy z@2/lockstep.yml'))).toBe(
        true,
      );
    });

    test('each word reaches the program as it was given', async () => {
      const odd = `it's "$HOME" \`x\` \\\\ ü`;
      const build = await run(
        `lockstep(file: 'a b/lockstep.yml', jobs: ['test', 'build'], params: [word: '''${odd}''', n: 3], allow: 'privileged', args: ['--parallel', '2'])`,
      );
      expect(build.error).toBe(null);
      expect(build.program[0]?.words.slice(0, -2)).toEqual([
        ...['test', 'build', '--file', 'a b/lockstep.yml', '--param', `word=${odd.replace('\\\\', '\\')}`],
        ...['--param', 'n=3', '--allow', 'privileged', '--parallel', '2'],
      ]);
    });

    test('artifacts, reports and problems go where Jenkins shows them', async () => {
      const files = {
        'RUN/artifacts/test/dist/a.txt': 'a',
        'RUN/reports/test/junit/report.xml': '<testsuite/>',
        '.lockstep/jenkins/sarif.json': '{}',
      };
      const build = await run('lockstep()', { program: { results: { '*': { ...success, files } } } });
      expect(build.error).toBe(null);
      expect(build.of('archiveArtifacts')).toEqual([
        { artifacts: '**', allowEmptyArchive: true, defaultExcludes: false, fingerprint: true },
        { artifacts: 'summary.md', allowEmptyArchive: true },
      ]);
      expect(readFileSync(join(build.home, 'archive/test/dist/a.txt'), 'utf8')).toBe('a');
      expect(build.of('junit')).toEqual([
        {
          testResults: '.lockstep/runs/20261122-000000-abcdef/reports/*/junit/**',
          ...{ allowEmptyResults: true, skipMarkingBuildUnstable: true },
        },
      ]);
      expect(build.of('recordIssues')).toMatchObject([
        {
          enabledForFailure: true,
          tools: [{ $symbol: 'sarif', id: 'lockstep', pattern: '.lockstep/jenkins/sarif.json' }],
        },
      ]);
      expect(build.program[0]?.colour).toBe('1');
      expect(build.calls.map(({ call }) => call)).toEqual(
        expect.arrayContaining(['ansiColor', 'timestamps']),
      );
    });

    test('twice in one build: problems of both, each under an id of its own', async () => {
      const results = { '*': { ...success, files: { '.lockstep/jenkins/sarif.json': '{}' } } };
      const build = await run('node { checkout(scm); lockstep(); lockstep() }', { program: { results } });
      expect(build.error).toBe(null);
      expect(build.of('recordIssues').map(({ tools }) => tools)).toMatchObject([
        [{ id: 'lockstep', name: 'Lockstep' }],
        [{ id: 'lockstep2', name: 'Lockstep 2' }],
      ]);
    });

    test('whatever the locale of the machines is: outputs and the log are UTF-8', async () => {
      const jobs = { test: { status: 'success', outputs: { word: 'größer →' } } };
      const build = await run(
        `def r = lockstep(params: [a: 'größer →']); echo "word \${r.outputs.test.word}"`,
        {
          program: { results: { '*': { status: 'success', jobs } } },
        },
      );
      expect(build.log).toContain('word größer →');
      expect(build.log).toContain('a=größer →');
    });

    test('without any plugin: the same run, and what is missing is said once', async () => {
      const files = {
        'RUN/reports/test/junit/report.xml': '<testsuite/>',
        '.lockstep/jenkins/sarif.json': '{}',
      };
      const build = await run(`lockstep(cache: 'jobcacher')`, {
        absent: plugins,
        program: { results: { '*': { ...success, files } } },
      });
      expect(build.error).toBe(null);
      expect(build.program).toHaveLength(1);
      expect(build.program[0]?.words).not.toContain('--cache');
      expect(build.program[0]?.colour).toBeUndefined();
      const said = build.of('echo').map(({ message }) => String(message));
      for (const step of ['timestamps', 'ansiColor', 'cache', 'junit', 'recordIssues'])
        expect(said.filter((line) => line.includes(`no step '${step}'`))).toHaveLength(1);
    });

    test('credentials without the plugin that binds them', async () => {
      const build = await run(`lockstep(credentials: [A: 'x'])`, { absent: ['credentials-binding'] });
      expect(build.error).toBe('lockstep: install the plugin Credentials Binding, or leave credentials out');
      expect(build.program.map(({ command }) => command)).toEqual(['sweep']);
    });
  });

  describe('how a build ends', () => {
    const job = (status: string, more = {}) => ({ status, ...more });
    test.each([
      [
        'failure',
        { status: 'failure', jobs: { a: job('failure'), b: job('success') } },
        1,
        'FAILURE',
        'lockstep: failure: a (sha256:0123)',
      ],
      [
        'allowed',
        { status: 'success', jobs: { a: job('failure', { 'allowed-failure': true }) } },
        0,
        'UNSTABLE',
        null,
      ],
      ['cancelled', { status: 'cancelled', jobs: {} }, 1, 'FAILURE', 'lockstep: cancelled (sha256:0123)'],
      [
        'what Jenkins takes was not left',
        success,
        3,
        'FAILURE',
        'the jobs succeeded, but not the run (exit code 3)',
      ],
      [
        'nothing ran',
        { nothing: true },
        2,
        'FAILURE',
        'lockstep: nothing ran (exit code 2); the log says why',
      ],
    ])('%s', async (_, result, code, end, error) => {
      const build = await run('lockstep()', { program: { results: { '*': result }, code } });
      expect(build.end).toBe(end);
      if (error === null) expect(build.error).toBe(null);
      else expect(build.error).toContain(error);
      expect(build.of('archiveArtifacts').length > 0).toBe(code !== 2);
    });

    test('aborted: the program is told to end, and what it left is swept', async () => {
      const build = await run(`node { checkout(scm); lockstep() }`, {
        program: { waits: true },
        seen: (line) => {
          if (line === 'now waiting') builds.jenkins.abort();
        },
      });
      expect(build.end).toBe('ABORTED');
      expect(build.program.map(({ command }) => command)).toEqual(['run', 'SIGTERM', 'sweep']);
      // The program's folder beside the workspace is gone too.
      expect(readdirSync(`${build.program[0]?.cwd ?? ''}@tmp`)).toEqual([]);
    });
  });

  test('an agent that is lost: the build says so, not that it could not be cleared', async () => {
    const build = await run(`node { checkout(scm); lockstep() }`, { lostAt: 'lockstep run' });
    expect([build.end, build.error]).toEqual(['ABORTED', 'FlowInterruptedException']);
    expect(build.log).toMatch(/nothing was swept: Unable[^]*lockstep-\w{8} is left: Unable/);
  });

  describe('agents', () => {
    const bare = (): string => join(builds.base, 'bare');
    const bin = (names: readonly string[]): string => {
      rmSync(bare(), { recursive: true, force: true });
      mkdirSync(bare());
      for (const name of names)
        writeFileSync(
          join(bare(), name),
          `#!/bin/sh\nexec ${builds.project.sh(`command -v ${name}`).trim()} "$@"\n`,
          {
            mode: 0o755,
          },
        );
      return bare();
    };
    const basics = ['git', 'mkdir', 'printf', 'rm', 'sh', 'tr'];

    test('neither Node nor docker', async () => {
      const build = await run('lockstep()', { environment: { PATH: bin(basics) } });
      expect(build.error).toBe('lockstep: nothing ran (exit code 3); the log says why');
      expect(build.log).toContain(
        'error[no-node]: this agent has neither Node 22.18 or newer nor the docker command',
      );
      expect(build.log).toContain("lockstep(agent: 'LABEL')");
    });

    test('a Node that is too old counts as none', async () => {
      const PATH = bin(basics);
      writeFileSync(join(PATH, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const build = await run('lockstep()', { environment: { PATH } });
      expect(build.log).toContain('error[no-node]');
    });

    test('no Linux', async () => {
      const build = await run('lockstep()', { unix: false });
      expect(build.error).toContain("this agent is no Linux machine: name one, lockstep(agent: 'LABEL')");
    });

    test('another version than the one that is asked for', async () => {
      const build = await run(`lockstep(version: '2.0.0')`, { program: { version: '1.9.0' } });
      expect(build.error).toContain('this library brings version 1.9.0, not 2.0.0');
      expect((await run(`lockstep(version: '2.0.0')`, { program: { version: '2.0.0' } })).error).toBe(null);
    });
  });
});
