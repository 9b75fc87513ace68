// Secrets in real containers: they reach their step or service whole, and nobody and nothing else.
import { hidesNothing } from '../../src/compose/redaction.ts';
import { execFileSync } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  Engine,
  Image,
  Sandbox,
  SandboxSpec,
  ServiceSpec,
  StepSpec,
} from '../../src/contract/sandbox.ts';
import { until } from '../rig/engine.ts';
import { docker, dockerEngine } from './docker-engine.ts';
import { emptyStore, value } from './reuse.ts';
import { dontStop, imageOf, never, opened, runStep, specFor } from './sandbox.ts';

const runId = `test-${crypto.randomUUID()}`;
const store = `test-${crypto.randomUUID()}`;
const secret = 'correct-horse-battery';
const bytes = (text: string): Uint8Array => Buffer.from(text);
let engine: Engine;
const boxes: Sandbox[] = [];
const open = async (reference: string, more: Partial<SandboxSpec> = {}): Promise<Sandbox> => {
  const box = await opened(engine, specFor(await imageOf(engine, reference), { runId, ...more }));
  boxes.push(box);
  return box;
};
const granted: Partial<StepSpec> = { secretEnv: { TOKEN: secret }, secretFiles: { KEY: bytes(secret) } };
/** All that a step can see of others: what processes were started with and given, their open files, the folder. */
const seenBy = async (box: Sandbox, user: string): Promise<string> => {
  const script = `ls -lA /run/secrets; cat /run/secrets/*; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; tr '\\0' ' ' <$p/environ; ls -l $p/fd; done; echo end`;
  const ran = await runStep(box, script, { user, shell: ['sh'] });
  expect(ran.stdout).toMatch(/docker-init[^]*end\n$/);
  return ran.stdout;
};

const containerOf = async (job: string) => {
  const label = [`dev.lockstep.run=${runId}`, `dev.lockstep.job=${job}`];
  const [found] = await docker.listContainers({ filters: { label } });
  return docker.getContainer(found?.Id ?? '');
};

beforeAll(async () => {
  engine = await dockerEngine({ runId });
});
afterEach(async () => {
  await Promise.all(boxes.splice(0).map((box) => box.close()));
});
afterAll(async () => {
  await emptyStore(engine, store);
  await engine.close();
});

describe.each(['debian:bookworm-slim', 'busybox:latest'])('steps in %s', (image) => {
  test('a variable may have any value that is text', async () => {
    const secretEnv = {
      QUOTES: `it's "$(id)" \`id\` \\ %s`,
      MULTI: 'a\n\nb\n',
      EMPTY: '',
      WIDE: 'ü\u{1f600}\u001e',
      LONG: 'x'.repeat(120_000),
      HTTP_PROXY: 'mine',
    };
    const ran = await runStep(await open(image), 'cat /proc/$$/environ', {
      secretEnv,
      env: { QUOTES: 'loses' },
    });
    const lines = ran.stdout.split('\0');
    const got = new Map(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    expect(Object.fromEntries(Object.keys(secretEnv).map((name) => [name, got.get(name)]))).toEqual(
      secretEnv,
    );
  });

  test('a file has any bytes, up to 1 MiB, and is its user’s alone', async () => {
    const box = await open(image);
    const all = Buffer.from([...Array(256).keys()]);
    const big = Buffer.alloc(1024 * 1024, all);
    const ran = await runStep(
      box,
      `ls -ln /run/secrets | tail -n 3 | cut -c1-10; stat -c '%u:%g' $ALL_FILE; echo $ALL_FILE; cat $ALL_FILE | od -An -v -tu1 | tr -s ' \\n' ' '; echo; md5sum <$BIG_FILE; wc -c <$NONE_FILE`,
      { user: 'nobody', secretFiles: { ALL: all, BIG: big, NONE: new Uint8Array() } },
    );
    const md5 = execFileSync('md5sum', { input: big, encoding: 'utf8' });
    expect(ran.stdout).toBe(
      `${'-r--------\n'.repeat(3)}65534:65534\n/run/secrets/ALL\n ${[...all].join(' ')} \n${md5}0\n`,
    );
    expect((await runStep(box, 'touch /run/secrets/mine', { user: 'nobody', ...granted })).exitCode).toBe(1);
  });

  test.each<[string, Partial<StepSpec>]>([
    ['a name that shells keep', { secretEnv: { UID: secret } }],
    ['a name that is none', { secretEnv: { 'a.b': secret } }],
    ['a value with a NUL', { secretEnv: { A: `${secret}\0` } }],
    ['a value that Linux does not take', { secretEnv: { A: secret.repeat(10_000) } }],
    ['a file by a path', { secretFiles: { '../../etc/x': bytes(secret) } }],
    ['a file of more than 1 MiB', { secretFiles: { A: new Uint8Array(1024 * 1024 + 1) } }],
  ])('%s: step-not-startable, and nothing of it in the message', async (_, more) => {
    const box = await open(image);
    const ran = await runStep(box, 'echo ran', more);
    expect(ran).toMatchObject({ stdout: '', failure: { kind: 'pipeline', code: 'step-not-startable' } });
    expect(JSON.stringify(ran.failure)).not.toContain(secret);
    expect((await runStep(box, 'ls -A /run/secrets; echo on')).stdout).toBe('on\n');
  });

  test('the next step, of whatever user, finds nothing of it', async () => {
    const box = await open(image);
    expect((await runStep(box, 'echo "$TOKEN $(cat $KEY_FILE)"', granted)).stdout).toBe(
      `${secret} ${secret}\n`,
    );
    for (const user of ['0', 'nobody']) expect(await seenBy(box, user)).not.toMatch(/KEY|TOKEN|correct/);
  });

  test.each(['0', 'nobody'])(
    '%s: of the shell that was there before the first step nothing is left',
    async (user) => {
      const box = await open(image, { user });
      const ran = await runStep(box, `cat /proc/[0-9]*/cmdline | tr '\\0' ' '`, granted);
      expect(ran).toMatchObject({ exitCode: 0, leftOvers: 0 });
      expect(ran.stdout).not.toContain('marker');
      expect(await runStep(box, 'echo on')).toMatchObject({ stdout: 'on\n', leftOvers: 0 });
    },
  );

  test.each(['0', 'nobody'])(
    '%s: a shell that steps before it shared is gone when it begins, and its own when it has ended',
    async (user) => {
      const box = await open(image, { user });
      const shells = `for p in /proc/[0-9]*; do [ -O $p ] && [ -r $p/environ ] && echo \${p#/proc/}; done; true`;
      const pid = async (more: Partial<StepSpec>) => (await runStep(box, 'echo $PPID', more)).stdout.trim();
      const before = await pid({});
      const during = await runStep(box, `echo $PPID; ${shells}`, granted);
      const own = during.stdout.split('\n')[0];
      expect(during.stdout.split('\n')).not.toContain(before);
      expect((await runStep(box, shells)).stdout.split('\n')).not.toContain(own);
    },
  );

  test('a stopped, a killed and a failed step leave none; one that kept its file open is killed', async () => {
    const box = await open(image);
    for (const signal of ['stop', 'kill'] as const) {
      const over = new AbortController();
      const stop = { ...dontStop, graceMs: 20, [signal]: over.signal };
      const ran = await runStep(box, 'trap "" TERM; echo on; sleep 600; sleep 600', granted, stop, () =>
        over.abort(),
      );
      expect(ran.stopped).toBe(true);
      expect(await seenBy(box, '0')).not.toMatch(/KEY|TOKEN|correct|sleep/);
    }
    expect((await runStep(box, 'exit 3', granted)).exitCode).toBe(3);
    const left = await runStep(box, 'exec 9<$KEY_FILE; sleep 600 & exit 0', granted);
    expect(left.leftOvers).toBe(1);
    expect(await seenBy(box, '0')).not.toMatch(/KEY|TOKEN|correct|sleep/);
  });

  test('a reader that throws leaves none', async () => {
    const box = await open(image);
    const step = { script: 'yes', shell: ['sh'], env: {}, user: null, workdir: '/', isolated: false };
    const thrower = () => {
      throw new Error('reader');
    };
    const whole = { ...step, secretEnv: {}, secretFiles: { KEY: bytes(secret) } };
    await expect(box.run(whole, thrower, dontStop)).rejects.toThrow('reader');
    expect((await runStep(box, 'ls -A /run/secrets; echo on')).stdout).toBe('on\n');
  });

  test('links that a step of root left do not lead us elsewhere', async () => {
    const box = await open(image);
    await runStep(box, 'echo mine >/etc/target; ln -s /etc/target /run/secrets/KEY; mkdir /run/secrets/.d');
    expect((await runStep(box, 'ls -A /run/secrets; cat $KEY_FILE', granted)).stdout).toBe(`KEY\n${secret}`);
    expect((await runStep(box, 'cat /etc/target')).stdout).toBe('mine\n');
  });

  test('while it runs: in no inspect of the container and its execs, no argument, no file outside the mount', async () => {
    const job = `shown-${image}`;
    const box = await open(image, { job });
    await runStep(box, 'true');
    const other = Promise.withResolvers<string>();
    const ran = await runStep(
      box,
      'echo on; while [ ! -f /tmp/end ]; do sleep 0.05; done',
      granted,
      dontStop,
      () => {
        void (async () => {
          const container = await containerOf(job);
          const info = await container.inspect();
          const execs = await Promise.all((info.ExecIDs ?? []).map((id) => docker.getExec(id).inspect()));
          const top = execFileSync('docker', ['top', info.Id, '-eo', 'pid,args'], { encoding: 'utf8' });
          const exported = execFileSync('docker', ['export', info.Id], { maxBuffer: 1 << 30 });
          expect(execs.length).toBeGreaterThan(0);
          other.resolve(`${JSON.stringify([info, execs])}${top}${exported.toString('latin1')}`);
          const end = await container.exec({ Cmd: ['touch', '/tmp/end'] });
          await end.start({ Detach: true });
        })().catch(other.reject);
      },
    );
    expect(ran.exitCode).toBe(0);
    expect(await other.promise).not.toContain(secret);
  });

  test('a snapshot holds none of it: not its config, its history, its layers', async () => {
    const box = await open(image);
    await runStep(box, 'cat $KEY_FILE >/dev/null; echo "$TOKEN" >/dev/null; echo kept >/kept', granted);
    const { id } = value(await box.snapshot(store, new AbortController().signal));
    const info = JSON.stringify([await docker.getImage(id).inspect(), await docker.getImage(id).history()]);
    expect(info).not.toContain(secret);
    const saved = execFileSync('docker', ['save', id], { maxBuffer: 1 << 30 }).toString('latin1');
    expect(saved).toContain('kept\n');
    expect(saved).not.toContain(secret);
    const files = value(await engine.snapshots.read(id));
    const folder = value(await files.get('/run/secrets'));
    expect(folder === null ? '' : (await buffer(folder)).toString('latin1')).not.toContain('KEY');
    await files.close();
  });
});

describe('services', () => {
  const service = (image: Image, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
    name: 'web',
    image,
    env: {},
    command: null,
    entrypoint: null,
    ready: null,
    resources: {},
    user: null,
    privileged: false,
    redactor: hidesNothing,
    secretEnv: { TOKEN: secret, ODD: `it's\n"$x"` },
    ...more,
  });
  const check = (run: string) => ({ check: { run }, intervalMs: 50, timeoutMs: 30_000 });
  const silent = { check: { tcp: 1 }, intervalMs: 50, timeoutMs: 30_000 };
  const start = async (spec: ServiceSpec) => {
    const box = await open('busybox:latest', { hasServices: true });
    return { box, outcome: await box.startServices([spec], () => undefined, never) };
  };
  /** An image with settings of its own, for the time of a test. */
  async function made(from: string, changes: string, use: (image: Image) => Promise<void>): Promise<void> {
    const container = await docker.createContainer({ Image: from, Cmd: ['true'] });
    const { Id: id } = (await container.commit({ changes })) as { Id: string };
    await container.remove();
    try {
      await use({ reference: 'made', id, digest: id, published: false, hasVolumes: false });
    } finally {
      await Promise.all(boxes.splice(0).map((box) => box.close()));
      await until('the image is not used any more', () =>
        docker
          .getImage(id)
          .remove({ force: true })
          .then(
            () => true,
            () => false,
          ),
      );
    }
  }
  const containers = () => docker.listContainers({ filters: { label: [`dev.lockstep.run=${runId}`] } });

  for (const from of ['debian:bookworm-slim', 'busybox:latest']) {
    test(`in ${from}: its program has them, with its image’s words, variables and check; the engine does not`, async () => {
      const script = `'tr "\\\\0" "\\\\n" </proc/1/environ >/env; readlink /proc/1/fd/0 >>/env; cat >>/env; echo "$0 $1" >>/env; touch /up; exec sleep 600'`;
      const changes = `ENTRYPOINT ["sh", "-c", ${JSON.stringify(script.slice(1, -1).replaceAll('\\\\', '\\'))}]\nCMD ["zero", "one"]\nENV discovery.type=single\nHEALTHCHECK --interval=100ms CMD test -f /up`;
      await made(from, changes, async (image) => {
        const { outcome } = await start(service(image, { env: { 'x.y': 'z', PLAIN: 'p' } }));
        expect(outcome).toEqual({ ok: true });
        const found = (await containers()).find(({ ImageID }) => ImageID === image.id);
        const container = docker.getContainer(found?.Id ?? '');
        const info = await container.inspect();
        expect(JSON.stringify(info)).not.toContain(secret);
        const env = execFileSync('docker', ['exec', info.Id, 'cat', '/env'], { encoding: 'utf8' });
        for (const line of [`TOKEN=${secret}`, `ODD=it's\n"$x"`, 'discovery.type=single', 'x.y=z', 'PLAIN=p'])
          expect(env).toContain(`${line}\n`);
        expect(env).toMatch(/\n\/dev\/null\nzero one\n$/);
        expect(env).not.toMatch(/^(OLDPWD|SHLVL)=/m);
        const top = execFileSync('docker', ['top', info.Id, '-eo', 'pid,args'], { encoding: 'utf8' });
        expect(top).toContain('sleep 600');
        expect(top).not.toContain(secret);
      });
    });
  }

  test('a signal reaches the program itself, its exit code and log come out', async () => {
    const busybox = await imageOf(engine, 'busybox:latest');
    const script = 'trap "echo got; exit 9" USR1; touch /up; while :; do sleep 0.05; done';
    const { box, outcome } = await start(
      service(busybox, { command: ['sh', '-c', script], ready: check('test -f /up && kill -USR1 1') }),
    );
    expect(outcome).toEqual({ ok: true });
    if (!box.serviceDied.aborted)
      await new Promise((resolve) => box.serviceDied.addEventListener('abort', resolve));
    expect(box.serviceDied.reason).toMatchObject({
      message: 'the service web exited with 9',
      cause: 'got',
    });
  });

  test('its own entrypoint takes the image’s command away, its user stays', async () => {
    await made('busybox:latest', 'CMD ["not", "wanted"]\nUSER nobody', async (image) => {
      const entrypoint = ['sh', '-c', 'echo "$# $(id -u)"; exit 7'];
      const { outcome } = await start(service(image, { entrypoint, ready: silent }));
      expect(outcome).toMatchObject({
        ok: false,
        failure: { message: 'the service web exited with 7', cause: '0 65534' },
      });
    });
  });

  test('a program that is not there', async () => {
    const busybox = await imageOf(engine, 'busybox:latest');
    const { outcome } = await start(service(busybox, { command: ['no-such-program'], ready: silent }));
    expect(outcome).toMatchObject({
      failure: { code: 'service-failed', message: 'the service web exited with 127' },
    });
  });

  test.each([
    ['an image without sh', 'ENV PATH=/nowhere\nCMD ["/bin/sleep", "600"]', {}, 'has no sh'],
    ['a name that no shell sets', 'CMD ["true"]', { secretEnv: { UID: secret } }, 'no shell can set'],
  ])('%s: a failure that says so', async (_, changes, more, says) => {
    await made('busybox:latest', changes, async (image) => {
      const { outcome } = await start(service(image, more));
      expect(outcome).toMatchObject({ ok: false, failure: { kind: 'pipeline', code: 'service-failed' } });
      expect(outcome.ok ? '' : outcome.failure.message).toContain(says);
      expect(JSON.stringify(outcome)).not.toContain(secret);
    });
  });
});
