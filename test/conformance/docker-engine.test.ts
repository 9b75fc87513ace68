// The Docker engine beyond steps: images, networks, limits, losing the engine, dying, sweeping.
import { hidesNothing } from '../../src/compose/redaction.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDockerEngine } from '../../engine/docker/engine.ts';
import type { Engine, Image, Sandbox, SandboxSpec } from '../../src/contract/sandbox.ts';
import { docker, dockerEngine, engineOptions, socketPath } from './docker-engine.ts';
import { gatewayTo } from './engine-gateway.ts';
import { dontStop, imageOf, never, opened, runStep, specFor, tarOf } from './sandbox.ts';

const label = (run: string) => ({ label: [`dev.lockstep.run=${run}`] });
const containersOf = (run: string) => docker.listContainers({ all: true, filters: label(run) });
const networksOf = (run: string) => docker.listNetworks({ filters: label(run) });

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}

/** An image made of busybox with other settings, e.g. `USER nobody`. */
async function imageWith(changes: string): Promise<string> {
  const container = await docker.createContainer({ Image: 'busybox:latest' });
  const made = (await container.commit({
    changes,
    repo: 'lockstep-test/made',
    tag: crypto.randomUUID(),
  })) as { Id: string };
  await container.remove();
  return made.Id;
}

let engine: Engine;
let image: Image;
const runId = `test-${crypto.randomUUID()}`;
const made: string[] = [];
const open = (more: Partial<SandboxSpec> = {}): Promise<Sandbox> =>
  opened(engine, specFor(image, { runId, ...more }));
const asImage = (id: string): Image => {
  made.push(id);
  return { reference: id, id, digest: id, published: false, hasVolumes: false };
};
const madeImage = async (changes: string): Promise<Image> => asImage(await imageWith(changes));

beforeAll(async () => {
  engine = await dockerEngine({ runId });
  image = await imageOf(engine, 'busybox:latest');
});
afterAll(async () => {
  await engine.close();
  await until(async () => (await containersOf(runId)).length === 0);
  for (const id of made) await docker.getImage(id).remove({ force: true });
});

describe('images', () => {
  const request = { platform: 'linux/amd64', pull: false, signal: never } as const;

  /** A registry that answers manifests with this status and code. */
  async function registry(status: number, code: string) {
    const asked: string[] = [];
    const server = createServer((incoming, answer) => {
      asked.push(incoming.url ?? '');
      if (incoming.url === '/v2/') return void answer.writeHead(200).end('{}');
      setTimeout(
        () =>
          answer
            .writeHead(status, { 'content-type': 'application/json' })
            .end(JSON.stringify({ errors: [{ code, message: code }] })),
        50,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      name: `127.0.0.1:${(server.address() as AddressInfo).port}/x/y:1`,
      asked,
      [Symbol.dispose]: () => server.close(),
    };
  }

  test('one that no registry has', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    expect(await engine.image(from.name, request)).toMatchObject({
      ok: false,
      failure: { kind: 'environment', code: 'image-not-found' },
    });
  });

  test('one that needs credentials', async () => {
    using from = await registry(401, 'UNAUTHORIZED');
    expect(await engine.image(from.name, request)).toMatchObject({
      ok: false,
      failure: { code: 'image-not-found' },
    });
  });

  test('two that ask at once pull once', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    await engine.image(from.name, request);
    const alone = from.asked.length;
    await Promise.all([engine.image(from.name, request), engine.image(from.name, request)]);
    expect(from.asked.length).toBe(2 * alone);
  });

  test('a registry that nobody runs', async () => {
    expect(await engine.image('127.0.0.1:1/x/y:1', request)).toMatchObject({
      ok: false,
      failure: {
        kind: 'environment',
        code: 'registry-unreachable',
        cause: expect.stringContaining('refused') as string,
      },
    });
  });

  test('a name that is none', async () => {
    expect(await engine.image('UPPER CASE', request)).toMatchObject({
      ok: false,
      failure: { kind: 'environment', code: 'image-not-found' },
    });
  });

  test('a platform that the image is not for', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    await docker.getImage('busybox:latest').tag({ repo: from.name.slice(0, -2), tag: '1' });
    try {
      expect(await engine.image(from.name, request)).toMatchObject({ ok: true });
      const other = await engine.image(from.name, { ...request, platform: 'linux/arm64' });
      expect(other).toMatchObject({ ok: false, failure: { code: 'image-platform' } });
    } finally {
      await docker.getImage(from.name).remove();
    }
  });

  test('who is cancelled does not wait for the pull', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    const cancelled = await engine.image(from.name, { ...request, signal: AbortSignal.abort() });
    expect(cancelled).toMatchObject({ ok: false, failure: { code: 'cancelled' } });
  });
});

describe('open', () => {
  test('an image without a shell', async () => {
    const imported: AsyncIterable<string | Buffer> = await docker.importImage(
      Readable.from(await tarOf({ nothing: 'x' })),
      {},
    );
    let text = '';
    for await (const chunk of imported) text += String(chunk);
    const id = /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? '';
    made.push(id);
    const outcome = await engine.open(
      specFor({ reference: 'empty', id, digest: id, published: false, hasVolumes: false }, { runId }),
    );
    expect(outcome).toMatchObject({
      ok: false,
      failure: { kind: 'pipeline', code: 'step-not-startable', message: 'the image empty has no sh' },
    });
  });

  test('a user that does not exist leaves nothing behind', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const outcome = await engine.open(
      specFor(image, { runId: run, user: 'nobody-knows', hasServices: true }),
    );
    expect(outcome).toMatchObject({ ok: false, failure: { code: 'step-not-startable' } });
    await until(async () => (await containersOf(run)).length === 0 && (await networksOf(run)).length === 0);
  });

  test('the image’s user, its folder belongs to it', async () => {
    const sandbox = await opened(engine, specFor(await madeImage('USER nobody'), { runId, workdir: '/a/b' }));
    expect(sandbox.owner).toEqual({ uid: 65534, gid: 65534 });
    const ran = await runStep(sandbox, 'id -un; touch x; ls -ld . | cut -d" " -f1', { workdir: '/a/b' });
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'nobody\ndrwxr-xr-x\n' });
    await sandbox.close();
  });

  test('volumes of the image go with the container', async () => {
    const sandbox = await opened(engine, specFor(await madeImage('VOLUME /data'), { runId }));
    const [info] = await containersOf(runId).then((all) => all.filter((one) => one.Mounts.length > 0));
    const volume = info?.Mounts[0]?.Name ?? '';
    expect(volume).not.toBe('');
    await sandbox.close();
    await until(() =>
      docker
        .getVolume(volume)
        .inspect()
        .then(
          () => false,
          () => true,
        ),
    );
  });

  test('the container holds no variable of ours and writes no log', async () => {
    const sandbox = await open({ job: 'looked at' });
    await runStep(sandbox, 'true', { env: { TOKEN: 'value-of-token' }, isolated: true });
    const [found] = (await containersOf(runId)).filter(
      (one) => one.Labels['dev.lockstep.job'] === 'looked at',
    );
    const info = await docker.getContainer(found?.Id ?? '').inspect();
    expect(info.Config.Env.map((line) => line.split('=')[0])).toEqual(['PATH']);
    expect(info.HostConfig.LogConfig?.Type).toBe('none');
    expect(JSON.stringify(info)).not.toContain('value-of-token');
    const container = docker.getContainer(found?.Id ?? '');
    const snapshot = (await container.commit({})) as { Id: string };
    made.push(snapshot.Id);
    expect(JSON.stringify(await docker.getImage(snapshot.Id).inspect())).not.toMatch(
      /value-of-token|SOURCE_DATE_EPOCH/,
    );
    const changes = ((await container.changes()) as { Path: string }[]).map(({ Path }) => Path);
    expect(changes.filter((path) => path.startsWith('/run/lockstep/'))).toEqual([]);
    await sandbox.close();
  });

  test('no network is none, not even a name server', async () => {
    const without = await open({ network: false });
    expect((await runStep(without, 'ls /sys/class/net')).stdout).toBe('lo\n');
    const with_ = await open({ network: true });
    expect((await runStep(with_, 'ls /sys/class/net')).stdout).toBe('eth0\nlo\n');
    await Promise.all([without.close(), with_.close()]);
  });

  test.each([
    ['0', 0],
    ['nobody', 1],
  ])('steps of user %s take %i exec', async (user, execs) => {
    const run = crypto.randomUUID();
    const sandbox = await open({ runId: run, user });
    for (const script of ['true', 'true'])
      expect(await runStep(sandbox, script)).toMatchObject({ exitCode: 0 });
    const [container] = await containersOf(run);
    const info = await docker.getContainer(container?.Id ?? '').inspect();
    expect((info as { ExecIDs?: readonly string[] | null }).ExecIDs ?? []).toHaveLength(execs);
    await sandbox.close();
  });

  test.each(['setsid', 'mkfifo', 'tar', 'base64'])(
    'an image without %s runs steps all the same',
    async (tool) => {
      const command = ['sh', '-c', `rm $(command -v ${tool})`];
      const container = await docker.createContainer({ Image: 'debian:bookworm-slim', Cmd: command });
      await container.start();
      await container.wait();
      const { Id: id } = (await container.commit({})) as { Id: string };
      await container.remove();
      const sandbox = await open({ image: asImage(id) });
      expect(await sandbox.put(await tarOf({ 'work/file': 'in it' }))).toEqual({ ok: true });
      for (const script of [`! command -v ${tool}; cat file`, 'cat file; exit 3'])
        expect((await runStep(sandbox, script)).stdout).toBe('in it');
      expect(await runStep(sandbox, 'sleep 600 & exit 4')).toMatchObject({ exitCode: 4, leftOvers: 1 });
      await sandbox.close();
    },
  );

  test.each(['0', 'root', '0:0', 'root:root'])(
    'a step of user %s is the same without an exec',
    async (user) => {
      const names =
        'u g n p i s o h f name key value state line known owner hosts edited accounts other tool marker';
      const env = names.split(' ').map((name) => `ENV ${name}=of-the-image`);
      const image = await madeImage(env.join('\n'));
      const sandbox = await open({ image, user, resources: { memoryBytes: 64 * 1024 * 1024 } });
      const script = `id; umask; env | sort; cat /proc/self/limits /proc/self/cgroup /proc/self/oom_score_adj
      grep -E '^(Uid|Gid|Groups|Cap|Seccomp|NoNewPrivs|Sig(Blk|Ign))' /proc/self/status
      for link in /proc/self/ns/* /proc/self/root /proc/self/cwd; do readlink $link; done; cut -d' ' -f7,18,19 /proc/self/stat`;
      const plain = await runStep(sandbox, script, { shell: ['sh'] });
      expect(plain.stdout).toMatch(/^uid=0[^]*CapEff[^]*pid:/);
      expect((await runStep(sandbox, script, { shell: ['sh'], isolated: true })).stdout).toBe(plain.stdout);
      await sandbox.close();
    },
  );

  test('limits hold', async () => {
    const sandbox = await open({ resources: { cpus: 0.5, pids: 64, shmBytes: 8 * 1024 * 1024 } });
    const ran = await runStep(
      sandbox,
      'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null || true; df -k /dev/shm | tail -1',
    );
    expect(ran.stdout).toMatch(/^64\n.*\b8192\b/);
    await sandbox.close();
  });

  test('proxies and authorities of the host, unless the job says otherwise', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const other = await dockerEngine({
      runId,
      access: { proxies: { HTTPS_PROXY: 'http://proxy:1', NO_PROXY: 'near' }, caBundle: Buffer.from(pem) },
    });
    const sandbox = await opened(other, specFor(image, { runId, user: 'nobody' }));
    const ran = await runStep(
      sandbox,
      'env | grep -iE "proxy=|_CA|CERT|CAINFO" | sort; cat $SSL_CERT_FILE; ls -l $SSL_CERT_FILE | cut -c1-10',
      {
        env: { no_proxy: 'mine', CURL_CA_BUNDLE: '/mine' },
      },
    );
    expect(ran.stdout.split('\n').slice(0, 8)).toEqual([
      'CURL_CA_BUNDLE=/mine',
      'GIT_SSL_CAINFO=/run/lockstep/ca.pem',
      'HTTPS_PROXY=http://proxy:1',
      'NODE_EXTRA_CA_CERTS=/run/lockstep/ca.pem',
      'REQUESTS_CA_BUNDLE=/run/lockstep/ca.pem',
      'SSL_CERT_FILE=/run/lockstep/ca.pem',
      'https_proxy=http://proxy:1',
      'no_proxy=mine',
    ]);
    expect(ran.stdout).toContain(`${pem}-r--r--r--`);
    await other.close();
  });

  test('a password of a proxy is in nothing that the engine shows, nor in a snapshot', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const password = 'hunter2hunter2';
    const access = { proxies: { HTTP_PROXY: `http://me:${password}@proxy:1` }, caBundle: null };
    const other = await dockerEngine({ runId: run, access });
    const sandbox = await opened(other, specFor(image, { runId: run, hasServices: true }));
    const web = { name: 'web', image, env: {}, command: ['sleep', '600'], entrypoint: null, user: null };
    const service = {
      ...web,
      ready: null,
      resources: {},
      privileged: false,
      secretEnv: {},
      redactor: hidesNothing,
    };
    expect(await sandbox.startServices([service], () => undefined, never)).toEqual({ ok: true });
    const shown: string[] = [];
    for (const isolated of [false, true]) {
      const ran = await runStep(sandbox, 'echo $http_proxy', { isolated }, dontStop, async () => {
        for (const { Id } of await containersOf(run)) {
          const info = await docker.getContainer(Id).inspect();
          const execs = await Promise.all((info.ExecIDs ?? []).map((id) => docker.getExec(id).inspect()));
          shown.push(JSON.stringify([info, execs]));
        }
      });
      expect(ran).toMatchObject({ stdout: `http://me:${password}@proxy:1\n`, stderr: '' });
    }
    shown.push(JSON.stringify(await networksOf(run)));
    const snapshot = await sandbox.snapshot(run, never);
    if (!snapshot.ok) throw new Error(snapshot.failure.message);
    const { id } = snapshot.value;
    shown.push(JSON.stringify([await docker.getImage(id).inspect(), await docker.getImage(id).history()]));
    await sandbox.close();
    await other.close();
    await until(async () => (await containersOf(run)).length === 0);
    await docker.getImage(id).remove({ force: true });
    expect(shown).toHaveLength(6);
    for (const text of shown) expect(text).not.toContain(password);
  });
});

describe('files', () => {
  test('an error of who packs is theirs, and the sandbox lives on', async () => {
    const sandbox = await open();
    const failing = async function* () {
      yield Buffer.alloc(512);
      await Promise.resolve();
      throw new Error('source changed');
    };
    await expect(sandbox.put(failing())).rejects.toThrow('source changed');
    expect(await sandbox.put(await tarOf({ 'work/a': 'a' }))).toEqual({ ok: true });
    expect((await runStep(sandbox, 'cat a')).stdout).toBe('a');
    await sandbox.close();
  });

  // Few bytes are unpacked by the container's own tar, many by the engine.
  test.each(['busybox:latest', 'debian:bookworm-slim'])(
    'owners, modes and links come out alike, few bytes or many: %s',
    async (reference) => {
      const list = 'cd /work && ls -lnR . && readlink link && cat it* other/file';
      const listings: string[] = [];
      for (const size of [10, 300_000]) {
        const sandbox = await open({ image: await imageOf(engine, reference) });
        const owner = { uid: 12, gid: 34, mtime: new Date(946_684_800_000) };
        const tar = pack();
        tar.entry({ ...owner, name: 'work/', type: 'directory', mode: 0o755 });
        tar.entry({ ...owner, name: 'work/run.sh', mode: 0o755 }, 'true');
        tar.entry({ ...owner, name: "work/it's $x", mode: 0o644 }, '\0\n$(id)');
        tar.entry({ ...owner, name: 'work/other/', type: 'directory', mode: 0o755 });
        tar.entry({ ...owner, name: 'work/other/file', mode: 0o644 }, 'first');
        tar.entry({ ...owner, name: 'work/link', type: 'symlink', linkname: '/etc/passwd' });
        tar.entry({ ...owner, name: 'work/.size', mode: 0o644 }, 'x'.repeat(size));
        tar.finalize();
        expect(await sandbox.put(Readable.from(tar))).toEqual({ ok: true });
        listings.push((await runStep(sandbox, list)).stdout);
        expect(await sandbox.put(await tarOf({ 'work/other': 'a file now' }))).toEqual({ ok: true });
        expect((await runStep(sandbox, 'cat /work/other')).stdout).toBe('a file now');
        await sandbox.close();
      }
      expect(listings[0]).toMatch(/ 12 +34 .* run\.sh$/m);
      expect(listings[0]).toContain('/etc/passwd\n\0\n$(id)first');
      expect(listings[0]).toBe(listings[1]);
    },
  );

  test('bytes that are no tar', async () => {
    const sandbox = await open();
    const outcome = await sandbox.put(
      (async function* () {
        yield await Promise.resolve(Buffer.alloc(2048, 'x'));
      })(),
    );
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'environment', code: 'engine-refused' } });
    await sandbox.close();
  });
});

describe('losing the engine', () => {
  test.skipIf(socketPath === undefined).each(['cut', 'freeze'] as const)(
    '%s: all that waits ends with engine-lost',
    async (how) => {
      const gateway = await gatewayTo(socketPath ?? '');
      try {
        const lossy = await dockerEngine({ engine: gateway.address, runId });
        const busy = await opened(lossy, specFor(image, { runId }));
        const idle = await opened(lossy, specFor(image, { runId }));
        const running = runStep(busy, 'echo on; sleep 600', {}, dontStop, () => gateway[how]());
        const ran = await running;
        expect(ran).toMatchObject({ failure: { kind: 'environment', code: 'engine-lost' } });
        expect(ran).not.toHaveProperty('exitCode');
        expect(lossy.lost.aborted).toBe(true);
        expect(lossy.lost.reason).toMatchObject({ code: 'engine-lost' });
        expect(await runStep(idle, 'true')).toMatchObject({
          failure: { code: 'engine-lost' },
        });
        expect(await lossy.open(specFor(image))).toMatchObject({
          ok: false,
          failure: { code: 'engine-lost' },
        });
        const image_ = await lossy.image('busybox:latest', {
          platform: 'linux/amd64',
          pull: false,
          signal: never,
        });
        expect(image_).toMatchObject({ ok: false, failure: { code: 'engine-lost' } });
        expect(await idle.get('/work')).toMatchObject({
          ok: false,
          failure: { code: 'engine-lost' },
        });
        await lossy.close();
      } finally {
        await gateway.close();
      }
    },
  );

  test('no engine: every place tried is named', async () => {
    const none = await createDockerEngine(
      engineOptions({ environment: { DOCKER_HOST: 'tcp://127.0.0.1:1' } }),
    );
    expect(none).toMatchObject({
      ok: false,
      failure: {
        kind: 'environment',
        code: 'no-engine',
        cause: 'tcp://127.0.0.1:1 (DOCKER_HOST): nobody listens there',
      },
    });
  });
});

describe.skipIf(socketPath === undefined)('over ssh', () => {
  /** A folder with an `ssh` that leads to the engine of this machine, whatever host is asked for. */
  async function fakeSsh(body: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'lockstep-ssh-'));
    await writeFile(join(folder, 'ssh'), `#!${process.execPath}\n${body}`, { mode: 0o755 });
    return folder;
  }

  test('the user’s own ssh is asked for the engine over there', async () => {
    const path = await fakeSsh(`
      if (process.argv.slice(-4).join(' ') !== 'me@far docker system dial-stdio') process.exit(9);
      const socket = require('node:net').connect(${JSON.stringify(socketPath)});
      process.stdin.pipe(socket).pipe(process.stdout);
    `);
    const far = await dockerEngine({ environment: { DOCKER_HOST: 'ssh://me@far', PATH: path }, runId });
    expect(far.description).toMatch(/ssh:\/\/me@far/);
    const sandbox = await opened(far, specFor(image, { runId }));
    expect(await runStep(sandbox, 'echo on; exit 3')).toMatchObject({ exitCode: 3, stdout: 'on\n' });
    expect(await sandbox.put(await tarOf({ 'work/a': 'text' }))).toMatchObject({ ok: true });
    expect((await runStep(sandbox, 'cat a')).stdout).toBe('text');
    await far.close();
  });

  test('what ssh complains about is in the error', async () => {
    const path = await fakeSsh(`console.error('Host key verification failed.'); process.exit(255);`);
    const far = await createDockerEngine(
      engineOptions({ environment: { DOCKER_HOST: 'ssh://far', PATH: path } }),
    );
    expect(far).toMatchObject({
      ok: false,
      failure: {
        code: 'no-engine',
        cause: expect.stringContaining('Host key verification failed.') as string,
      },
    });
  });
});

describe('a container that dies from outside', () => {
  test('between steps and in one', async () => {
    const sandbox = await open({ job: 'victim' });
    const kill = async () => {
      const [found] = (await containersOf(runId)).filter(
        (one) => one.Labels['dev.lockstep.job'] === 'victim',
      );
      await docker.getContainer(found?.Id ?? '').kill();
    };
    await kill();
    expect(await runStep(sandbox, 'true')).toMatchObject({
      failure: { kind: 'environment', code: 'sandbox-died' },
    });
    expect(await sandbox.put(await tarOf({ 'work/a': '' }))).toMatchObject({
      ok: false,
      failure: { code: 'sandbox-died' },
    });
    await sandbox.close();
  });
});

describe('leaving nothing behind', () => {
  test('a process that is killed: its container goes at once, the rest with the next sweep', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const holder = spawn(
      process.execPath,
      [fileURLToPath(new URL('hold-sandbox.ts', import.meta.url)), run],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(holder.stdout, 'data');
    expect(await containersOf(run)).toHaveLength(2);
    // The owner lives: nobody's sweep may touch it.
    await engine.sweep();
    expect(await containersOf(run)).toHaveLength(2);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await until(async () => (await containersOf(run)).length === 1);
    // Another run on this machine may sweep at the same time, so how many this one removed is not told.
    await engine.sweep();
    await until(async () => (await containersOf(run)).length === 0 && (await networksOf(run)).length === 0);
  });

  test('close removes services and network, engine.close waits for it', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const other = await dockerEngine({ runId: run });
    const sandbox = await opened(other, specFor(image, { runId: run, hasServices: true }));
    const service = {
      name: 'a',
      image,
      env: {},
      command: ['sleep', '600'],
      entrypoint: null,
      ready: null,
      resources: {},
      user: null,
      privileged: false,
      secretEnv: {},
      redactor: hidesNothing,
    };
    expect(await sandbox.startServices([service], () => undefined, never)).toMatchObject({ ok: true });
    await other.close();
    expect(await containersOf(run)).toHaveLength(0);
    expect(await networksOf(run)).toHaveLength(0);
  });
});
