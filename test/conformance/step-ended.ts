// How a step in a container ends, whomever it kills on its way, and what of it is left for the next one: nothing.
import { expect, test } from 'vitest';
import type { StepRig } from './docker-step.ts';
import { never, runStep } from './sandbox.ts';

export function stepsEnded(rig: StepRig): void {
  const { run, withSandbox, isolated, busybox } = rig;

  test.each([
    ['exit 0', 0],
    ['exit 255', 255],
    ['exit 300', 44],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
    ['kill 0', 143],
    ['kill -SEGV $$', 139],
    ['kill -PIPE $$; exit 5', 141],
    ['trap "exit 7" EXIT; exit 3', 7],
    ['trap "exit 5" TERM; kill -TERM $$; sleep 1', 5],
    ['trap "" TERM HUP INT; kill 0; exit 6', 6],
    ['exec >/dev/null 2>/proc/self/fd/1; echo lost; exit 8', 8],
    ['false; echo not reached', 1],
    ['exec >&- 2>&-; exit 4', 4],
    ['no-such-program', 127],
  ])('%s: %i', async (script, exitCode) => {
    const ran = await run(script);
    expect(ran).toMatchObject({ exitCode, stdout: '' });
    expect(ran).not.toHaveProperty('failure');
    expect(ran.stderr).not.toMatch(/Killed|Terminated/);
    expect((await run('echo on')).stdout).toBe('on\n');
  });

  test.each([
    ['a sleeper that holds stdout', 'sleep 600 & echo on'],
    ['a session of its own', 'setsid sleep 600 >/dev/null 2>&1 & echo on; sleep 0.05'],
    ['one that ignores signals', `(trap '' TERM HUP INT; while :; do sleep 600; done) & echo on`],
    [
      'one that keeps forking',
      'f() { while :; do (sleep 600) & sleep 0.001; done; }; f & echo on; sleep 0.05',
    ],
    ['one that spams', 'yes spam >&2 & echo on'],
    ['a stopped one', 'sleep 600 & kill -STOP $!; echo on'],
  ])('left-overs are killed: %s', async (_, script) => {
    const ran = await run(script);
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'on\n' });
    expect(ran.leftOvers).toBeGreaterThan(0);
    const next = await run(`for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done`);
    expect(next.stdout).not.toMatch(/sleep|yes/);
    expect(next).toMatchObject({ stderr: '', leftOvers: 0 });
  });

  test('left-overs of another user are killed', async () => {
    const ran = await run('sleep 600 & echo on', { user: 'nobody' });
    expect(ran.leftOvers).toBe(1);
    expect((await run('echo on', { user: 'nobody' })).leftOvers).toBe(0);
  });

  test('/dev/shm is empty again, /tmp is not', async () => {
    await run('touch /dev/shm/a /dev/shm/.b /tmp/kept; mkdir -p /dev/shm/d/e');
    expect((await run('ls -A /dev/shm; ls /tmp/kept')).stdout).toBe('/tmp/kept\n');
  });

  test('a step cannot spoil our files for the next one', async () => {
    await run(
      'rm -rf /run/lockstep/*; mkdir /run/lockstep/output; ln -s /etc/passwd /run/lockstep/summary; mkfifo /run/lockstep/script',
    );
    const ran = await run('echo a=1 >>$LOCKSTEP_OUTPUT');
    expect(ran.exitCode).toBe(0);
    expect(Buffer.from(ran.outputs).toString()).toBe('a=1\n');
    const linked = await run('rm $LOCKSTEP_SUMMARY; ln -s /etc/passwd $LOCKSTEP_SUMMARY');
    expect(linked.summary).toHaveLength(0);
    expect((await run('wc -l </etc/passwd', { user: 'nobody' })).stdout.trim()).not.toBe('0');
  });

  test('as a user, kill -9 -1 is a failed step and the sandbox lives', async () => {
    await withSandbox({ user: 'nobody' }, async (sandbox) => {
      expect(sandbox.owner).toEqual({ uid: 65534, gid: 65534 });
      await run('true', {}, sandbox);
      expect(await run('echo on; kill -9 -1; sleep 1', {}, sandbox)).toMatchObject({
        exitCode: 137,
        stdout: 'on\n',
      });
      expect(await run('echo on; touch here', {}, sandbox)).toMatchObject({ exitCode: 0, stdout: 'on\n' });
    });
  });

  test('as root, kill -9 -1 ends the sandbox and says so', async () => {
    await withSandbox({}, async (sandbox) => {
      const ran = await run('echo on; kill -9 -1; sleep 1', {}, sandbox);
      expect(ran).toMatchObject({ stdout: 'on\n', failure: { kind: 'pipeline', code: 'sandbox-died' } });
      expect(ran).not.toHaveProperty('exitCode');
      expect(await run('true', {}, sandbox)).toMatchObject({ failure: { code: 'sandbox-died' } });
    });
  });

  test('a step that kills or stops the shell above it', async () => {
    expect((await run('kill -9 $PPID; echo on')).failure).toBeUndefined();
    expect((await run('echo on')).stdout).toBe('on\n');
    const stop = new AbortController();
    const stopped = await runStep(
      rig.box,
      'echo on; kill -STOP $PPID; sleep 600',
      { isolated },
      { stop: stop.signal, kill: never, graceMs: 100 },
      () => stop.abort(),
    );
    expect(stopped).toMatchObject({ stopped: true });
    expect((await run('echo on')).stdout).toBe('on\n');
  });

  // Once: it takes as long as we are patient.
  if (!isolated && busybox) {
    test('a step that kills all who could tell of its end is stopped in the end', async () => {
      await withSandbox({}, async (sandbox) => {
        const stop = new AbortController();
        const ran = await runStep(
          sandbox,
          `kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID; echo on`,
          {},
          { stop: stop.signal, kill: never, graceMs: 50 },
          () => stop.abort(),
        );
        expect(ran).toMatchObject({ stdout: 'on\n', stopped: true });
      });
    });
  }

  const eater = 'x=$(head -c 300000000 /dev/zero | tr "\\0" x)';

  test('a memory kill is told from other deaths', async () => {
    await withSandbox({ resources: { memoryBytes: 64 * 1024 * 1024 } }, async (sandbox) => {
      const eats = await run(eater, {}, sandbox);
      expect(eats).toMatchObject({ exitCode: 137, outOfMemory: true });
      expect(await run('kill -9 $$', {}, sandbox)).toMatchObject({ exitCode: 137, outOfMemory: false });
      const child = await run(`sh -c '${eater}' || true`, {}, sandbox);
      expect(child).toMatchObject({ exitCode: 0, outOfMemory: true });
    });
  });
}
