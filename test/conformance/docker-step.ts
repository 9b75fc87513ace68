// What a step in a container gets, may do and leaves, whichever way it is run. Real shells of real images.
import { setImmediate as nextTick } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine, Image, Sandbox, SandboxSpec, StepSpec } from '../../src/contract/sandbox.ts';
import { dockerEngine } from './docker-engine.ts';
import { dontStop, imageOf, never, noSecrets, opened, runStep, specFor } from './sandbox.ts';

/** Runs with one sandbox for all tests, as a job has one for all steps. */
export function dockerSteps(reference: string, isolated: boolean): void {
  describe(`steps in ${reference}, ${isolated ? 'an exec for each' : 'a shell for all'}`, () => {
    const busybox = reference.startsWith('busybox');
    let engine: Engine;
    let image: Image;
    let box: Sandbox;
    const run = (script: string, more: Partial<StepSpec> = {}, on = box) =>
      runStep(on, script, { isolated, ...more });
    const withSandbox = async (
      more: Partial<SandboxSpec>,
      use: (sandbox: Sandbox) => Promise<void>,
    ): Promise<void> => {
      const sandbox = await opened(engine, specFor(image, more));
      try {
        await use(sandbox);
      } finally {
        await sandbox.close();
      }
    };

    beforeAll(async () => {
      engine = await dockerEngine();
      image = await imageOf(engine, reference);
      box = await opened(engine, specFor(image));
    });
    afterAll(() => engine.close());

    test('nothing but the fixed variables, the image’s and its own', async () => {
      const ran = await run('env', { env: { OWN: 'x' } });
      const names = ran.stdout
        .trim()
        .split('\n')
        .filter((line) => !/^(SHLVL|_)=/.test(line));
      expect(names.sort()).toEqual([
        'HOME=/root',
        'HOSTNAME=lockstep',
        'LANG=C.UTF-8',
        'LOCKSTEP_OUTPUT=/run/lockstep/output',
        'LOCKSTEP_SUMMARY=/run/lockstep/summary',
        'OWN=x',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'PWD=/work',
        'SOURCE_DATE_EPOCH=946684800',
        'TZ=UTC',
      ]);
    });

    test('any name and value reaches the program', async () => {
      const env = {
        QUOTES: `it's "$(id)" \`id\` \\ %s`,
        LINES: 'a\nb\n',
        EMPTY: '',
        'a.b-c': 'dotted',
        '-x': 'dash',
        '1': 'digit',
        UID: '7',
        _own: '7',
        _setsid: '7',
        OPTIND: '7',
        RANDOM: 'not random',
        BASH_ENV: '/nothing',
        ÄÖ: 'ü\u{1f600}',
        IFS: ',',
      };
      const ran = await run('cat /proc/$$/environ', { env });
      const got = new Map(
        ran.stdout.split('\0').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
      );
      expect(Object.fromEntries(Object.keys(env).map((name) => [name, got.get(name)]))).toEqual(env);
    });

    test('a variable of 120,000 bytes', async () => {
      expect(
        (await run('printf %s "$LONG" | wc -c', { env: { LONG: 'x'.repeat(120_000) } })).stdout.trim(),
      ).toBe('120000');
    });

    test.each([
      ['a variable that Linux does not take', { env: { BIG: 'x'.repeat(131_072) } }],
      ['a name with a NUL', { env: { 'a\0b': '' } }],
      ['an empty name', { env: { '': '' } }],
      ['a user that does not exist', { user: 'nobody-knows' }],
      ['a group that does not exist', { user: 'root:nobody-knows' }],
      ['a folder that does not exist', { workdir: '/no/such folder' }],
    ])('%s: step-not-startable', async (_, more) => {
      const ran = await run('echo ran', more);
      expect(ran).toMatchObject({ stdout: '', failure: { kind: 'pipeline', code: 'step-not-startable' } });
      expect(ran).not.toHaveProperty('exitCode');
      expect(await run('echo on')).toMatchObject({ exitCode: 0, stdout: 'on\n' });
    });

    test('variables do not pass from step to step', async () => {
      await run('export LEAK=1', { env: { LEAK2: '1' } });
      expect((await run('echo "[$LEAK$LEAK2]"')).stdout).toBe('[]\n');
    });

    test('PATH decides over the step’s programs, not over ours', async () => {
      const ran = await run('echo "$PATH"; no-such-program || echo none', {
        env: { PATH: '/nowhere' },
        shell: ['/bin/sh'],
      });
      expect(ran).toMatchObject({ exitCode: 0, stdout: '/nowhere\nnone\n' });
    });

    test('an interpreter that the image lacks', async () => {
      const ran = await run('1', { shell: ['no-such-shell', '-x'] });
      expect(ran).toMatchObject({
        exitCode: 127,
        stderr: 'lockstep: no-such-shell: not found in the image\n',
      });
    });

    test('any list of words is a shell', async () => {
      expect((await run('$0 is the script', { shell: ['cat'] })).stdout).toBe('$0 is the script');
      const ran = await run('', { shell: ['sh', '-c', 'printf "<%s>" "$@"', 'sh', `it's`, ''] });
      expect(ran.stdout).toBe(`<it's><></run/lockstep/script>`);
    });

    test('user, home, folder, umask, limits of a session', async () => {
      expect((await run('id -u; echo $HOME; pwd; umask')).stdout).toBe('0\n/root\n/work\n0022\n');
      const home = busybox ? '/home' : '/nonexistent';
      const other = await run('id -u; id -g; echo $HOME; pwd; echo x >>$LOCKSTEP_OUTPUT', {
        user: 'nobody',
        workdir: '/tmp',
      });
      expect(other.stdout).toBe(`65534\n65534\n${home}\n/tmp\n`);
      expect(Buffer.from(other.outputs).toString()).toBe('x\n');
      expect((await run('id -u; id -g; echo x >>$LOCKSTEP_OUTPUT', { user: '1234:56' })).stdout).toBe(
        '1234\n56\n',
      );
      expect((await run('id -u; id -g', { user: '1234' })).stdout).toBe('1234\n0\n');
      expect((await run('id -u; echo x >>$LOCKSTEP_OUTPUT')).stdout).toBe('0\n');
    });

    test('stdin is empty, signals are at their defaults, no descriptor of ours is open', async () => {
      const ran = await run('readlink /proc/$$/fd/0; grep SigIgn /proc/self/status; ls /proc/$$/fd', {
        shell: ['sh', '-c', '. "$0"'],
      });
      expect(ran.stdout).toMatch(/^\/dev\/null\nSigIgn:\t0+\n/);
      const fds = ran.stdout
        .trim()
        .split('\n')
        .slice(2)
        .filter((fd) => Number(fd) < 10 && Number(fd) > 2);
      expect(fds).toEqual([]);
      const leader = await run(`cut -d' ' -f6 /proc/$$/stat; echo $$`);
      expect(new Set(leader.stdout.trim().split('\n')).size).toBe(1);
    });

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

    test('a script of 1 MiB with any bytes a string can have', async () => {
      const script = `cat <<'EOF'\n${`it's "é\u{1f600}" \\n $x %s \u001e\n`.repeat(30_000)}EOF\n`;
      const ran = await run(script);
      expect(ran.exitCode).toBe(0);
      expect(ran.stdout).toBe(script.slice(12, -4));
      expect((await run('a\0b\r\n\x7f', { shell: ['cat'] })).stdout).toBe('a\0b\r\n\x7f');
    });

    test('all 256 byte values come through, and what looks like the start of a mark', async () => {
      const octals = Array.from({ length: 256 }, (_, byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(
        '',
      );
      const chunks: Buffer[] = [];
      const step = {
        script: `printf '${octals}'; printf '\\036'`,
        shell: ['sh'],
        env: {},
        user: null,
        workdir: '/',
        isolated,
        ...noSecrets,
      };
      await box.run(step, (_, chunk) => void chunks.push(Buffer.from(chunk)), dontStop);
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
      const step = {
        script,
        shell: ['sh', '-e'],
        env: {},
        user: null,
        workdir: '/work',
        isolated,
        ...noSecrets,
      };
      const end = await box.run(
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
      const step = {
        script: 'head -c 104857600 /dev/zero',
        shell: ['sh'],
        env: {},
        user: null,
        workdir: '/',
        isolated,
        ...noSecrets,
      };
      const end = await box.run(step, (_, chunk) => void (bytes += chunk.length), dontStop);
      expect(end.exitCode).toBe(0);
      expect(bytes).toBe(104_857_600);
    });

    test('a reader that throws ends the call, and the next step does not meet the last one', async () => {
      const step = {
        script: 'yes',
        shell: ['sh'],
        env: {},
        user: null,
        workdir: '/',
        isolated,
        ...noSecrets,
      };
      const thrower = () => {
        throw new Error('reader');
      };
      await expect(box.run(step, thrower, dontStop)).rejects.toThrow('reader');
      expect(await run('echo on')).toMatchObject({ exitCode: 0, stdout: 'on\n' });
      expect((await run('cat /proc/[0-9]*/comm')).stdout).not.toMatch(/^yes$/m);
    });

    test('a reader that waits holds the step back', async () => {
      const progress = '/tmp/progress';
      const script = `i=0; while [ $i -lt 300 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i >${progress}; done`;
      const gate = Promise.withResolvers<undefined>();
      const first = Promise.withResolvers<undefined>();
      const step = { script, shell: ['sh'], env: {}, user: null, workdir: '/', isolated, ...noSecrets };
      let bytes = 0;
      const running = box.run(
        step,
        async (_, chunk) => {
          bytes += chunk.length;
          first.resolve(undefined);
          await gate.promise;
        },
        dontStop,
      );
      await first.promise;
      const seen = await box.get(progress);
      expect(seen.ok).toBe(true);
      // Far from the end: pipes and sockets hold some hundred KB, not 20 MB.
      expect(bytes).toBeLessThan(1_000_000);
      gate.resolve(undefined);
      expect((await running).exitCode).toBe(0);
      expect(bytes).toBe(300 * 65_536);
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

    test('a change of the accounts counts from the next step on', async () => {
      // A file as old as the one it takes the place of.
      const edit = (line: string, by: string): string =>
        `cp -p /etc/passwd /tmp/p; sed -i 's|^${line}|${by}|' /tmp/p; touch -r /etc/passwd /tmp/p; mv /tmp/p /etc/passwd`;
      await withSandbox({ user: 'nobody' }, async (sandbox) => {
        expect((await run('id -u', {}, sandbox)).stdout).toBe('65534\n');
        await run(edit('nobody:x:65534:65534:.*', 'nobody:x:4711:12::/srv:/bin/sh'), { user: '0' }, sandbox);
        const ran = await run('id -u; id -g; echo $HOME; echo a >>$LOCKSTEP_OUTPUT', {}, sandbox);
        expect(ran.stdout).toBe('4711\n12\n/srv\n');
        expect(Buffer.from(ran.outputs).toString()).toBe('a\n');
      });
      await withSandbox({}, async (sandbox) => {
        await run(edit('\\(root:.*\\):/root:', '\\1:/srv:'), {}, sandbox);
        expect((await run('echo $HOME', {}, sandbox)).stdout).toBe('/srv\n');
        expect(await run('seq 200000 >>/etc/passwd', {}, sandbox)).toMatchObject({ exitCode: 0 });
        expect((await run('echo $HOME', {}, sandbox)).stdout).toBe('/srv\n');
      });
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
        box,
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

    test('what a step wrote before it killed the shell above it', async () => {
      const ran = await run('seq 50000; seq 50000 >&2; kill -9 $PPID; exit 3');
      for (const written of [ran.stdout, ran.stderr]) expect(written.endsWith('\n49999\n50000\n')).toBe(true);
    });

    test('a step is stopped though nobody takes what it writes until then', async () => {
      const stop = new AbortController();
      const step = {
        script: 'yes',
        shell: ['sh'],
        env: {},
        user: null,
        workdir: '/',
        isolated,
        ...noSecrets,
      };
      const reader = async (): Promise<void> => {
        stop.abort();
        await nextTick();
      };
      const end = await box.run(step, reader, { stop: stop.signal, kill: never, graceMs: 5_000 });
      expect(end).toMatchObject({ stopped: true });
      expect((await run('echo on')).stdout).toBe('on\n');
    });

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

    if (!busybox) {
      test('a program that makes its stdout non-blocking spoils it for nobody', async () => {
        const script = `use Fcntl; fcntl(STDOUT, F_SETFL, O_NONBLOCK | fcntl(STDOUT, F_GETFL, 0)); fcntl(STDERR, F_SETFL, O_NONBLOCK | fcntl(STDERR, F_GETFL, 0)); kill 9, $$;`;
        expect(await run(script, { shell: ['perl'] })).toMatchObject({ exitCode: 137 });
        const ran = await run('head -c 5000000 /dev/zero | cat', { shell: ['sh', '-e'] });
        expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
        expect(ran.stdout).toHaveLength(5_000_000);
      });

      test('a new group of a user counts from the next step on', async () => {
        await run('id -G', { user: 'nobody' });
        await run('groupadd -g 4711 extra && usermod -aG extra nobody');
        expect((await run('id -G', { user: 'nobody' })).stdout).toContain('4711');
      });
    }
  });
}
