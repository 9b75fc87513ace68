// What a step in a container gets: variables, shell, user, folder, streams, its script; and nothing of other steps.
import { expect, test } from 'vitest';
import type { StepRig } from './docker-step.ts';

export function stepsGiven(rig: StepRig): void {
  const { run, withSandbox, busybox } = rig;

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

  test('a script of 1 MiB with any bytes a string can have', async () => {
    const script = `cat <<'EOF'\n${`it's "é\u{1f600}" \\n $x %s \u001e\n`.repeat(30_000)}EOF\n`;
    const ran = await run(script);
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toBe(script.slice(12, -4));
    expect((await run('a\0b\r\n\x7f', { shell: ['cat'] })).stdout).toBe('a\0b\r\n\x7f');
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

  if (!busybox) {
    test('a new group of a user counts from the next step on', async () => {
      await run('id -G', { user: 'nobody' });
      await run('groupadd -g 4711 extra && usermod -aG extra nobody');
      expect((await run('id -G', { user: 'nobody' })).stdout).toContain('4711');
    });
  }
}
