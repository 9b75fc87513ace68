// What a real container is opened with: user, folder, volumes, variables, network, limits, proxies; and what it leaves.
import { hidesNothing } from '../../src/compose/redaction.ts';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { docker, dockerEngine } from './docker-engine.ts';
import { dontStop, never, opened, runStep, specFor, tarOf } from './sandbox.ts';
import { until } from '../rig/engine.ts';
import {
  allGone,
  containersOf,
  debianWithout,
  engineForFile,
  made,
  madeImage,
  networksOf,
  open,
  rig,
  runId,
} from './docker-run.ts';

engineForFile();

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
    const outcome = await rig.engine.open(
      specFor({ reference: 'empty', id, digest: id, published: false, hasVolumes: false }, { runId }),
    );
    expect(outcome).toMatchObject({
      ok: false,
      failure: { kind: 'pipeline', code: 'step-not-startable', message: 'the image empty has no sh' },
    });
  });

  test('a user that does not exist leaves nothing behind', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const outcome = await rig.engine.open(
      specFor(rig.image, { runId: run, user: 'nobody-knows', hasServices: true }),
    );
    expect(outcome).toMatchObject({ ok: false, failure: { code: 'step-not-startable' } });
    await allGone(run);
  });

  test('the image’s user, its folder belongs to it', async () => {
    const sandbox = await opened(
      rig.engine,
      specFor(await madeImage('USER nobody'), { runId, workdir: '/a/b' }),
    );
    expect(sandbox.owner).toEqual({ uid: 65534, gid: 65534 });
    const ran = await runStep(sandbox, 'id -un; touch x; ls -ld . | cut -d" " -f1', { workdir: '/a/b' });
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'nobody\ndrwxr-xr-x\n' });
    await sandbox.close();
  });

  test('volumes of the image go with the container', async () => {
    const sandbox = await opened(rig.engine, specFor(await madeImage('VOLUME /data'), { runId }));
    const [info] = await containersOf(runId).then((all) => all.filter((one) => one.Mounts.length > 0));
    const volume = info?.Mounts[0]?.Name ?? '';
    expect(volume).not.toBe('');
    await sandbox.close();
    await until('the volume is gone', () =>
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
      const sandbox = await open({ image: await debianWithout(tool) });
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
    const sandbox = await opened(other, specFor(rig.image, { runId, user: 'nobody' }));
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
    const sandbox = await opened(other, specFor(rig.image, { runId: run, hasServices: true }));
    const web = {
      name: 'web',
      image: rig.image,
      env: {},
      command: ['sleep', '600'],
      entrypoint: null,
      user: null,
    };
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
    await until('the containers are gone', async () => (await containersOf(run)).length === 0);
    await docker.getImage(id).remove({ force: true });
    expect(shown).toHaveLength(6);
    for (const text of shown) expect(text).not.toContain(password);
  });
});
