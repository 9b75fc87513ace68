// An engine that dies, freezes, comes back, or never was there: a clear environment failure in time, never a hang.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launcher } from '../rig/cli.ts';
import { until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { noSecondEngine, SecondEngine } from '../rig/second-engine.ts';

const waiting = {
  'lockstep.yml':
    '{version: 1, jobs: {a: {image: "busybox:latest", steps: [{name: wait, run: echo up; sleep 1000}], artifacts: {x: {paths: [x], when: always}}, finally: [echo last]}}}',
};

describe.skipIf(noSecondEngine !== null)(
  `a dockerd of its own${noSecondEngine ? ` (${noSecondEngine})` : ''}`,
  () => {
    let engine: SecondEngine;
    beforeAll(async () => {
      engine = await SecondEngine.start();
    });
    afterAll(async () => {
      await engine[Symbol.asyncDispose]();
    });

    /** From the fault to the end of the job, in milliseconds. */
    const endsInTime = async (fault: () => unknown): Promise<void> => {
      using project = new Project(waiting);
      const run = project.start(['run', '--engine', engine.address]);
      await run.printed(/^up$/m);
      const before = Date.now();
      await fault();
      const end = await run.end;
      expect(end.code, end.output).toBe(3);
      expect(end.output).toMatch(/failed: a[^]*lost the container engine/);
      expect(end.output).not.toMatch(/^ +at |\[object/m);
      const { result, times } = project.lastRun();
      expect(result.jobs.a).toMatchObject({ status: 'failure', reason: 'environment' });
      expect(Date.parse(times.finished) - before).toBeLessThan(10_000);
    };

    test('killed during a step', async () => {
      try {
        await endsInTime(() => engine.kill());
      } finally {
        await engine.up();
      }
    });

    test('frozen during a step', async () => {
      try {
        await endsInTime(() => engine.signal('SIGSTOP'));
      } finally {
        engine.signal('SIGCONT');
      }
    });

    test('retry on environment takes a new connection once the engine is back', async () => {
      using project = new Project({
        'lockstep.yml': `
version: 1
jobs:
  a:
    image: busybox:latest
    retry: { max: 5, on: [environment], delay: 1s, backoff: 1 }
    steps: [{ name: wait, run: "echo up; until [ -f go ]; do sleep 0.1; done" }]
`,
      });
      const run = project.start(['run', '--engine', engine.address]);
      await run.printed(/^up$/m);
      await engine.kill();
      await run.printed(/attempt 1: environment, trying again/);
      await engine.up();
      await run.printed(/^up$[^]*^up$/m);
      const running = () => engine.docker('ps', '-q', '--filter', 'label=dev.lockstep.job=a');
      await until('the new container is the only one', () => running().split('\n').length === 1);
      engine.docker('exec', running(), 'touch', '/work/go');
      const end = await run.end;
      expect(end.code, end.output).toBe(0);
      expect(project.lastRun().times.jobs.a?.attempts).toBeGreaterThan(1);
    });
  },
);

describe('no engine', () => {
  const pipeline = {
    'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo never]}}}',
  };

  test.concurrent.each([
    ['--engine', ['--engine', 'unix:///nonexistent/engine.sock'], {}],
    ['DOCKER_HOST', [], { DOCKER_HOST: 'unix:///nonexistent/engine.sock' }],
  ])('%s is the only place that is tried', async (source, args, env) => {
    using project = new Project(pipeline);
    const end = await project.start(['run', ...args], env).end;
    expect(end.code, end.output).toBe(3);
    expect(end.stderr).toContain('no container engine answers');
    expect(end.stderr.match(/unix:\/\/\S+/g)).toEqual(['unix:///nonexistent/engine.sock']);
    expect(end.stderr).toContain(`(${source})`);
    expect(end.stderr).not.toContain('/var/run/docker.sock');
  });

  test('every place that was tried is listed with its reason', () => {
    using project = new Project(pipeline);
    // In a mount namespace of its own the engines of this machine are out of reach.
    const hide = ['/var/run/docker.sock', '/run/docker.sock', '/run/podman/podman.sock'];
    const cover = hide.map((path) => `if [ -S ${path} ]; then mount --bind /dev/null ${path}; fi`).join('; ');
    const seen = project.sh(
      `export HOME=$PWD/home XDG_RUNTIME_DIR=$PWD/runtime; unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG
       unshare -m sh -c '${cover}; "$0" run 2>&1; echo "exit $?"' '${launcher}'`,
    );
    expect(seen).toMatch(/exit 3$/m);
    for (const place of [
      '/var/run/docker.sock',
      '/runtime/docker.sock',
      '/runtime/podman/podman.sock',
      '.colima',
      '.orbstack',
    ]) {
      expect(seen).toMatch(new RegExp(`${place.replaceAll('.', '\\.')}.*: .+`));
    }
    expect(seen).toContain('systemctl start docker');
  });
});
