// Services: every kind of readiness, names, failures, and one that dies later.
import { hidesNothing } from '../../src/compose/redaction.ts';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Engine, Image, Sandbox, SandboxSpec, ServiceSpec } from '../../src/contract/sandbox.ts';
import type { Ready } from '../../src/model/plan.ts';
import { docker, dockerEngine } from './docker-engine.ts';
import { imageOf, never, opened, runStep, specFor } from './sandbox.ts';

let engine: Engine;
let busybox: Image;
let debian: Image;
const boxes: Sandbox[] = [];

beforeAll(async () => {
  engine = await dockerEngine();
  busybox = await imageOf(engine, 'busybox:latest');
  debian = await imageOf(engine, 'debian:bookworm-slim');
});
afterEach(async () => {
  await Promise.all(boxes.splice(0).map((box) => box.close()));
});
afterAll(() => engine.close());

const open = async (image: Image, more: Partial<SandboxSpec> = {}): Promise<Sandbox> => {
  const box = await opened(engine, specFor(image, { hasServices: true, network: true, ...more }));
  boxes.push(box);
  return box;
};
const service = (image: Image, script: string, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name: 'web',
  image,
  env: {},
  command: ['sh', '-c', script],
  entrypoint: null,
  ready: null,
  resources: {},
  user: null,
  privileged: false,
  secretEnv: {},
  redactor: hidesNothing,
  ...more,
});
const ready = (check: Ready['check'], timeoutMs = 30_000): Ready => ({ check, intervalMs: 50, timeoutMs });
const started = (box: Sandbox, ...specs: ServiceSpec[]) => startedUntil(never, box, ...specs);
const startedUntil = async (stop: AbortSignal, box: Sandbox, ...specs: ServiceSpec[]) => {
  const seen: string[] = [];
  const outcome = await box.startServices(specs, (name) => void seen.push(name), stop);
  return { outcome, seen };
};

const page = 'mkdir -p /www; echo page >/www/index.html; httpd -f -p 8080 -h /www';

test('running, names, own environment, and nothing of the step’s', async () => {
  const box = await open(debian);
  const { outcome, seen } = await started(
    box,
    service(busybox, `env >/www.txt; ${page}`, { env: { A: 'b c' }, ready: ready({ tcp: 8080 }) }),
    service(busybox, 'sleep 600', { name: 'db' }),
  );
  expect(outcome).toEqual({ ok: true });
  expect(seen.sort()).toEqual(['db', 'web']);
  const ran = await runStep(
    box,
    'getent hosts web db | wc -l; exec 3<>/dev/tcp/web/8080; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3',
    { shell: ['bash'] },
  );
  expect(ran.stdout).toMatch(/^2\n.*200 OK[^]*page\n$/);
});

test('without a network the services are still there', async () => {
  const box = await open(busybox, { network: false });
  expect((await started(box, service(busybox, page, { ready: ready({ tcp: 8080 }) }))).outcome).toEqual({
    ok: true,
  });
  expect((await runStep(box, 'wget -qO- http://web:8080/')).stdout).toBe('page\n');
});

test.each<[string, Ready['check']]>([
  ['run', { run: 'test -f /ready' }],
  ['tcp', { tcp: 8080 }],
  ['http', { http: 'http://127.0.0.1:8080/index.html' }],
])('ready: %s waits for it', async (_, check) => {
  const box = await open(busybox);
  const script = `sleep 0.5; touch /ready; ${page}`;
  expect((await started(box, service(busybox, script, { ready: ready(check) }))).outcome).toEqual({
    ok: true,
  });
});

test.each([
  ['HEALTHCHECK', 'HEALTHCHECK --interval=100ms CMD test -f /ready'],
  ['exposed port', 'EXPOSE 9/udp 8080/tcp'],
])('what the image says of itself: %s', async (_, changes) => {
  const container = await docker.createContainer({ Image: 'busybox:latest' });
  const { Id: id } = (await container.commit({ changes })) as { Id: string };
  await container.remove();
  try {
    const made = { reference: 'made', id, digest: id, published: false, hasVolumes: false };
    const box = await open(busybox);
    expect((await started(box, service(made, `sleep 0.3; touch /ready; ${page}`))).outcome).toEqual({
      ok: true,
    });
    expect(
      (await runStep(box, 'wget -qO- http://web:8080/ || sleep 0.2; wget -qO- http://web:8080/')).stdout,
    ).toMatch(/page\n$/);
    await box.close();
  } finally {
    await engine.close();
    await docker.getImage(id).remove({ force: true });
    engine = await dockerEngine();
  }
});

test('a port that only the service itself can reach is not ready', async () => {
  const box = await open(busybox);
  const script = 'mkdir /www; httpd -f -p 127.0.0.1:8080 -h /www';
  const { outcome } = await started(box, service(busybox, script, { ready: ready({ tcp: 8080 }, 500) }));
  expect(outcome).toMatchObject({
    ok: false,
    failure: { message: 'the service web was not ready within 0.5 s: TCP port 8080' },
  });
});

test('http looks from the job’s image when the service’s has no tool, and says so when neither has', async () => {
  const slow = `perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die; while (my $c = $s->accept) { <$c>; print $c "HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"; close $c }'`;
  const web = service(debian, slow, { ready: ready({ http: 'http://127.0.0.1:8080/' }) });
  expect((await started(await open(busybox), web)).outcome).toEqual({ ok: true });
  expect((await started(await open(debian), web)).outcome).toMatchObject({
    ok: false,
    failure: {
      code: 'service-failed',
      hint: 'put curl, wget, python3 or node into its image or the job’s'.replace('’', "'"),
    },
  });
});

test('a service that ends fails with its exit code and its last lines', async () => {
  const box = await open(busybox);
  const { outcome } = await started(
    box,
    service(busybox, 'i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; exit 7', {
      ready: ready({ tcp: 1 }),
    }),
  );
  if (outcome.ok) throw new Error('it was ready');
  expect(outcome.failure).toMatchObject({
    kind: 'pipeline',
    code: 'service-failed',
    message: 'the service web exited with 7',
  });
  const lines = outcome.failure.cause?.split('\n') ?? [];
  expect(lines).toHaveLength(50);
  expect(lines).toContain('line 199');
});

const withoutShell = 'echo going; rm /bin/sh; ';

test('one whose shell cannot be run because it is on its way out is said to have ended', async () => {
  const dying = service(busybox, `${withoutShell} sleep 0.7; exit 3`, { ready: ready({ run: 'exit 1' }) });
  expect((await started(await open(busybox), dying)).outcome).toMatchObject({
    failure: { code: 'service-failed', message: 'the service web exited with 3', cause: 'going' },
  });
});

test('one that lives and has no shell for its script is told so', async () => {
  const living = service(busybox, `${withoutShell} sleep 600`, { ready: ready({ run: 'exit 1' }) });
  expect((await started(await open(busybox), living)).outcome).toMatchObject({
    failure: { message: 'the image of the service web has no sh to run its `ready` script' },
  });
});

test('a program that is not there', async () => {
  const { outcome } = await started(
    await open(busybox),
    service(busybox, '', { command: ['no-such-program'] }),
  );
  expect(outcome).toMatchObject({ ok: false, failure: { code: 'service-failed' } });
});

test('a service that dies after it was ready is heard of', async () => {
  const box = await open(busybox);
  expect(
    (
      await started(
        box,
        service(busybox, 'while [ ! -f /tmp/end ]; do sleep 0.05; done; exit 3', {
          ready: ready({ run: 'touch /tmp/end' }),
        }),
      )
    ).outcome,
  ).toEqual({ ok: true });
  if (!box.serviceDied.aborted)
    await new Promise((resolve) => box.serviceDied.addEventListener('abort', resolve));
  expect(box.serviceDied.reason).toMatchObject({
    code: 'service-failed',
    message: 'the service web exited with 3',
  });
});

test('cancel while a service is not ready yet', async () => {
  const stop = new AbortController();
  const box = await open(busybox);
  const web = service(busybox, 'echo up; sleep 600', { ready: ready({ run: 'exit 1' }) });
  const starting = startedUntil(stop.signal, box, web);
  stop.abort();
  expect((await starting).outcome).toMatchObject({ ok: false, failure: { code: 'cancelled' } });
  expect((await runStep(box, 'echo on')).stdout).toBe('on\n');
});

test('close while a service is not ready yet', async () => {
  const box = await open(busybox);
  const starting = started(box, service(busybox, 'echo up; sleep 600', { ready: ready({ tcp: 1 }) }));
  await box.close();
  expect((await starting).outcome).toMatchObject({ ok: false, failure: { code: 'sandbox-died' } });
});
