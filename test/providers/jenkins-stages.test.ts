// The Jenkins library in Jenkins' own CPS engine with a stage and an agent for each job, and a restart of Jenkins in the middle.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cps, Jenkins } from '../rig/jenkins.ts';
import { Builds, machines, success, type BuildOptions, type ToldBuild } from '../rig/jenkins-builds.ts';

describe.skipIf('missing' in cps)(`Jenkins${'missing' in cps ? ` (${cps.missing})` : ''}`, () => {
  let builds: Builds;
  beforeAll(async () => {
    builds = await Builds.start();
  });
  afterAll(() => builds[Symbol.asyncDispose]());
  const run = (script: string, options?: BuildOptions): Promise<ToldBuild> => builds.run(script, options);

  describe('a stage and an agent for each job', () => {
    const machine = (name: string, needs: readonly string[] = [], words = [name]) => ({ name, words, needs });
    const plan = {
      machines: [
        machine('build'),
        machine('test[node=22, os=a b]', ['build'], ['test', '--matrix', 'node=22', '--matrix', 'os=a b']),
        machine('lint'),
        machine('pack', ['test[node=22, os=a b]', 'lint']),
        machine('notes', ['lint']),
      ],
    };
    const program = { plan, results: { '*': success, merge: success } };

    test('each begins when what it needs has run, gets its results, and one merge unites all', async () => {
      const build = await run(
        `lockstep(parallelStages: true, agent: 'linux', jobs: ['pack', 'notes'], params: [a: 'b c'])`,
        { program },
      );
      expect(build.error).toBe(null);
      expect(build.end).toBe('SUCCESS');
      const ran = build.program.filter(({ command }) => command !== 'plan');
      expect(Object.fromEntries(ran.map(({ words, from }) => [words[0], from]))).toEqual({
        ...{ build: [], lint: [], test: ['build'], notes: ['lint'], pack: ['test', 'lint'] },
        [ran.at(-1)?.words[0] ?? '']: ['build', 'test', 'lint', 'pack', 'notes'],
      });
      expect(ran.find(({ words }) => words[0] === 'test')?.words.slice(0, -2)).toEqual([
        ...['test', '--matrix', 'node=22', '--matrix', 'os=a b', '--param', 'a=b c', '--no-needs', '--from'],
        expect.stringMatching(/@tmp\/lockstep-\w{8}\/from\/m1$/),
      ]);
      expect(ran.at(-1)?.words.slice(-5, -2)).toEqual(['--job', 'pack', 'notes']);
      expect(
        build
          .of('stage')
          .map(({ name }) => name)
          .sort(),
      ).toEqual(
        [
          'build',
          'lint',
          'lockstep plan',
          'lockstep result',
          'notes',
          'pack',
          'test[node=22, os=a b]',
        ].sort(),
      );
      // Each had a machine of its own, and nothing is left there beside the workspace.
      const folders = new Set(build.program.map(({ cwd }) => cwd));
      expect(folders.size).toBe(7);
      for (const folder of folders) expect(readdirSync(`${folder}@tmp`)).toEqual([]);
      expect(build.of('node')).toEqual(Array.from({ length: 7 }, () => ({ label: 'linux' })));
    });

    test('what fails is a failed stage; jobs that need it decide by themselves, the merge decides for the build', async () => {
      const build = await run(`lockstep(parallelStages: true)`, {
        program: {
          plan: machines({ a: [], b: ['a'], c: [] }),
          results: {
            '*': success,
            a: { status: 'failure', jobs: { a: { status: 'failure' } } },
            c: { status: 'success', jobs: { c: { status: 'failure', 'allowed-failure': true } } },
            merge: { status: 'failure', jobs: { a: { status: 'failure' } } },
          },
        },
      });
      expect(build.stageResults.toSorted()).toEqual(['FAILURE', 'UNSTABLE']);
      expect(build.program.map(({ words }) => words[0])).toContain('b');
      expect(build.end).toBe('FAILURE');
      expect(build.error).toBe('lockstep: failure: a (sha256:0123)');
    });

    test('a job without a result ends the build, and nothing that needs it begins', async () => {
      const build = await run(`lockstep(parallelStages: true)`, {
        program: {
          plan: machines({ a: [], b: ['a'] }),
          results: { '*': success, a: { nothing: true } },
          code: 3,
        },
      });
      expect(build.error).toBe('lockstep: nothing ran (exit code 3); the log says why');
      expect(build.program.map(({ command }) => command)).toEqual(['plan', 'run']);
    });

    test('a result over the limit of a stash goes as an artifact', async () => {
      const big = { ...success, files: { 'RUN/artifacts/a/big': 1 << 20 } };
      const build = await run(`lockstep(parallelStages: true, stashLimit: 1)`, {
        program: {
          plan: machines({ a: [], b: ['a'] }),
          results: { '*': success, a: big, merge: success },
        },
      });
      expect(build.error).toBe(null);
      expect(build.log).toMatch(/the result of a has 1 MiB, too much for a stash: it becomes an artifact/);
      expect(build.of('stash')).toHaveLength(1);
      expect(build.of('unarchive')).toHaveLength(2);
      expect(build.program.find(({ words }) => words[0] === 'b')?.from).toEqual(['a']);
      expect(build.program.at(-1)?.from).toEqual(['a', 'b']);
    });

    test('a branch that moves meanwhile: all work on the first commit', async () => {
      builds.project.write({ later: 'x' });
      builds.project.sh(
        'git checkout -q -b moved && git add later && git -c user.name=t -c user.email=t@e commit -qm later',
      );
      const later = builds.project.sh('git rev-parse HEAD').trim();
      const build = await run(`lockstep(parallelStages: true)`, {
        program: { plan: machines({ a: [] }) },
        commit: [builds.commit, later],
      });
      expect(build.error).toBe(null);
      expect(build.program.map(({ command, head }) => [command, head])).toEqual([
        ['plan', builds.commit],
        ['run', builds.commit],
        ['merge', later],
      ]);
    });

    test('two in one build keep their results apart', async () => {
      const build = await run(
        `parallel(x: { lockstep(parallelStages: true) }, y: { lockstep(parallelStages: true) })`,
        {
          program: { plan: machines({ a: [] }) },
        },
      );
      expect(build.error).toBe(null);
      expect(new Set(build.of('stash').map(({ name }) => name)).size).toBe(2);
    });

    test('Jenkins restarts in the middle: another JVM goes on where the first was', async () => {
      const script = `def r = lockstep(parallelStages: true); echo "digest \${r.digest}"`;
      const home = builds.newHome();
      const state = join(home, 'state');
      const stopped = await run(script, { program, home, state, stopAt: 55 });
      expect(stopped.end).toBe('stopped');
      const before = stopped.program.map(({ words }) => words[0]);
      expect(before.length).toBeGreaterThan(1);
      await using second = await Jenkins.start();
      const build = await run(script, { program, home, state, jenkins: second });
      expect(build.error).toBe(null);
      expect(build.log).toContain('digest sha256:0123');
      const after = build.program.slice(before.length);
      expect(
        [...before, ...after.map(({ words }) => words[0])]
          .filter((word) => /^\w+$/.test(word ?? ''))
          .toSorted(),
      ).toEqual(['build', 'lint', 'notes', 'pack', 'test']);
      expect(after.at(-1)?.command).toBe('merge');
    });
  });
});
