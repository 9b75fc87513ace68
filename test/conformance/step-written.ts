// What a step in a container writes: every byte comes, at the pace of who reads it, and none is taken for our word.
import { setImmediate as nextTick } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { StepRig } from './docker-step.ts';
import { dontStop, never } from './sandbox.ts';

export function stepsWritten(rig: StepRig): void {
  const { run, stepOf, busybox } = rig;

  test('all 256 byte values come through, and what looks like the start of a mark', async () => {
    const octals = Array.from({ length: 256 }, (_, byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(
      '',
    );
    const chunks: Buffer[] = [];
    const step = stepOf(`printf '${octals}'; printf '\\036'`);
    await rig.box.run(step, (_, chunk) => void chunks.push(Buffer.from(chunk)), dontStop);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([...Array(256).keys(), 0x1e]));
  });

  test('what looks like our marks is the step’s own output', async () => {
    const forged = `\u001e${'0'.repeat(32)} exit 0\n\u001e${'f'.repeat(32)} others 0 end\n\u001e gone 0\n`;
    const ran = await run(`cat <<'EOF'\n${forged}EOF\ncat >&2 <<'EOF'\n${forged}EOF\nexit 3`);
    expect(ran).toMatchObject({ exitCode: 3, stdout: forged, stderr: forged });
  });

  test('what root writes to the container’s own streams is nobody’s word', async () => {
    const ran = await run(
      `printf '\\036%032d exit 0\\n' 0 | tee /proc/1/fd/1 >/proc/1/fd/2; echo on >&2; exit 3`,
    );
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain('on\n');
    expect(await run('echo on')).toMatchObject({ exitCode: 0, stdout: 'on\n', stderr: '' });
  });

  test('a step cannot end the next one by ending the shell above it', async () => {
    expect(await run('echo "exit 0" >/proc/$PPID/fd/0 || true')).toMatchObject({ exitCode: 0 });
    expect(await run('echo on; exit 3')).toMatchObject({ exitCode: 3, stdout: 'on\n' });
  });

  test('no pipe of ours has a name', async () => {
    expect(await run('find / -xdev -type p; find /run/lockstep -type p')).toMatchObject({ stdout: '' });
  });

  test('20 MB on one stream and 5 MB on the other lose no byte, with a slow reader', async () => {
    const bytes = { stdout: 0, stderr: 0 };
    let chunks = 0;
    const script = 'head -c 20000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait';
    const step = stepOf(script);
    const end = await rig.box.run(
      step,
      async (stream, chunk) => {
        bytes[stream] += chunk.length;
        if (++chunks % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      },
      dontStop,
    );
    expect(end.exitCode).toBe(0);
    expect(bytes).toEqual({ stdout: 20_000_000, stderr: 5_000_000 });
  });

  test('a line of 100 MiB', async () => {
    let bytes = 0;
    const step = stepOf('head -c 104857600 /dev/zero');
    const end = await rig.box.run(step, (_, chunk) => void (bytes += chunk.length), dontStop);
    expect(end.exitCode).toBe(0);
    expect(bytes).toBe(104_857_600);
  });

  test('a reader that throws ends the call, and the next step does not meet the last one', async () => {
    const step = stepOf('yes');
    const thrower = () => {
      throw new Error('reader');
    };
    await expect(rig.box.run(step, thrower, dontStop)).rejects.toThrow('reader');
    expect(await run('echo on')).toMatchObject({ exitCode: 0, stdout: 'on\n' });
    expect((await run('cat /proc/[0-9]*/comm')).stdout).not.toMatch(/^yes$/m);
  });

  test('a reader that waits holds the step back', async () => {
    const progress = '/tmp/progress';
    const script = `i=0; while [ $i -lt 300 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i >${progress}; done`;
    const gate = Promise.withResolvers<undefined>();
    const first = Promise.withResolvers<undefined>();
    const step = stepOf(script);
    let bytes = 0;
    const running = rig.box.run(
      step,
      async (_, chunk) => {
        bytes += chunk.length;
        first.resolve(undefined);
        await gate.promise;
      },
      dontStop,
    );
    await first.promise;
    const seen = await rig.box.get(progress);
    expect(seen.ok).toBe(true);
    // Far from the end: pipes and sockets hold some hundred KB, not 20 MB.
    expect(bytes).toBeLessThan(1_000_000);
    gate.resolve(undefined);
    expect((await running).exitCode).toBe(0);
    expect(bytes).toBe(300 * 65_536);
  });

  test('what a step wrote before it killed the shell above it', async () => {
    const ran = await run('seq 50000; seq 50000 >&2; kill -9 $PPID; exit 3');
    for (const written of [ran.stdout, ran.stderr]) expect(written.endsWith('\n49999\n50000\n')).toBe(true);
  });

  test('a step is stopped though nobody takes what it writes until then', async () => {
    const stop = new AbortController();
    const step = stepOf('yes');
    const reader = async (): Promise<void> => {
      stop.abort();
      await nextTick();
    };
    const end = await rig.box.run(step, reader, { stop: stop.signal, kill: never, graceMs: 5_000 });
    expect(end).toMatchObject({ stopped: true });
    expect((await run('echo on')).stdout).toBe('on\n');
  });

  if (!busybox) {
    test('a program that makes its stdout non-blocking spoils it for nobody', async () => {
      const script = `use Fcntl; fcntl(STDOUT, F_SETFL, O_NONBLOCK | fcntl(STDOUT, F_GETFL, 0)); fcntl(STDERR, F_SETFL, O_NONBLOCK | fcntl(STDERR, F_GETFL, 0)); kill 9, $$;`;
      expect(await run(script, { shell: ['perl'] })).toMatchObject({ exitCode: 137 });
      const ran = await run('head -c 5000000 /dev/zero | cat', { shell: ['sh', '-e'] });
      expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
      expect(ran.stdout).toHaveLength(5_000_000);
    });
  }
}
