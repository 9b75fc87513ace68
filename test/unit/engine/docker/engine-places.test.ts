import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectEngine } from '../../../../engine/docker/connect.ts';
import { enginePlaces, parseAddress } from '../../../../engine/docker/engine-places.ts';

const home = (): string => mkdtempSync(join(tmpdir(), 'lockstep-home-'));
const names = async (around: Parameters<typeof enginePlaces>[0]): Promise<string[]> =>
  (await enginePlaces(around)).map(({ source, name }) => `${source} ${name}`);

function withContext(folder: string, name: string, host: string, certificates: boolean): void {
  const id = createHash('sha256').update(name).digest('hex');
  mkdirSync(join(folder, '.docker/contexts/meta', id), { recursive: true });
  const meta = { Name: name, Endpoints: { docker: { Host: host } } };
  writeFileSync(join(folder, '.docker/contexts/meta', id, 'meta.json'), JSON.stringify(meta));
  if (!certificates) return;
  mkdirSync(join(folder, '.docker/contexts/tls', id, 'docker'), { recursive: true });
  writeFileSync(join(folder, '.docker/contexts/tls', id, 'docker/ca.pem'), '');
}

test('what is named is the only place', async () => {
  const environment = { DOCKER_HOST: 'tcp://one:1' };
  expect(await names({ environment, home: home() })).toEqual(['DOCKER_HOST tcp://one:1']);
  expect(await names({ environment, home: home(), engine: 'unix:///x' })).toEqual(['--engine unix:///x']);
});

test('else the context, then the sockets in their order', async () => {
  const folder = home();
  withContext(folder, 'far', 'tcp://far:2376', true);
  writeFileSync(join(folder, '.docker/config.json'), '{"currentContext": "far"}');
  const around = { environment: { XDG_RUNTIME_DIR: '/run/user/1' }, home: folder };
  expect(await names(around)).toEqual([
    'Docker context far tcp://far:2376',
    'Docker unix:///var/run/docker.sock',
    `Docker Desktop unix://${folder}/.docker/run/docker.sock`,
    'rootless Docker unix:///run/user/1/docker.sock',
    'Podman unix:///run/user/1/podman/podman.sock',
    'Podman unix:///run/podman/podman.sock',
    `Colima unix://${folder}/.colima/default/docker.sock`,
    `OrbStack unix://${folder}/.orbstack/run/docker.sock`,
  ]);
  const [place] = await enginePlaces(around);
  expect(place?.address).toMatchObject({
    ok: true,
    value: {
      kind: 'tcp',
      host: 'far',
      port: 2376,
      tls: { folder: expect.stringContaining('/tls/') as string },
    },
  });
});

test('a context that is not there is named with its reason, and the sockets are still tried', async () => {
  const [place, next] = await enginePlaces({ environment: { DOCKER_CONTEXT: 'gone' }, home: home() });
  expect(place).toMatchObject({ source: 'Docker context gone', address: { ok: false } });
  expect(next?.source).toBe('Docker');
});

test('the default context and a broken config are the sockets', async () => {
  const folder = home();
  mkdirSync(join(folder, '.docker'));
  writeFileSync(join(folder, '.docker/config.json'), '{');
  expect((await names({ environment: {}, home: folder }))[0]).toBe('Docker unix:///var/run/docker.sock');
  expect((await names({ environment: { DOCKER_CONTEXT: 'default' }, home: folder }))[0]).toBe(
    'Docker unix:///var/run/docker.sock',
  );
});

test.each([
  ['unix:///a b', { kind: 'unix', path: '/a b' }],
  ['/a', { kind: 'unix', path: '/a' }],
  ['tcp://h', { kind: 'tcp', host: 'h', port: 2375, tls: null }],
  ['h:1', { kind: 'tcp', host: 'h', port: 1, tls: null }],
  ['tcp://h:80', { kind: 'tcp', host: 'h', port: 80, tls: null }],
  ['tcp://[::1]:1', { kind: 'tcp', host: '::1', port: 1, tls: null }],
  ['https://h', { kind: 'tcp', host: 'h', port: 2376, tls: { folder: '' } }],
  ['ssh://u@h:22', { kind: 'ssh', target: 'u@h', port: 22 }],
  ['ssh://h', { kind: 'ssh', target: 'h', port: null }],
])('%s', (text, address) => {
  expect(parseAddress(text, null)).toEqual({ ok: true, value: address });
});

test.each(['', 'npipe:////./pipe/x', 'tcp://', 'tcp://a b', 'ssh://-oProxyCommand=x', 'unix://relative'])(
  '%s is none',
  (text) => {
    expect(parseAddress(text, null)).toMatchObject({
      ok: false,
      failure: { kind: 'usage', code: 'no-engine' },
    });
  },
);

test.each([
  [{ engine: 'foo://x' }, {}, '--engine: foo://x is no address of a container engine', ''],
  [
    {},
    { DOCKER_HOST: 'ssh://-oProxyCommand=x' },
    'DOCKER_HOST: ssh://-oProxyCommand=x is no address of a container engine',
    ', or unset DOCKER_HOST',
  ],
])('an address that is none is a slip of who named it: %j %j', async (named, environment, message, more) => {
  expect(await connectEngine({ ...named, environment, home: home(), platform: 'linux' })).toEqual({
    ok: false,
    failure: {
      kind: 'usage',
      code: 'no-engine',
      message,
      hint: `write e.g. unix:///var/run/docker.sock, tcp://HOST:2375 or ssh://USER@HOST${more}`,
    },
  });
});

test.each([
  ['tcp://me:hunter2@127.0.0.1:1', 'tcp://me@127.0.0.1:1'],
  ['ssh://me:hunter2@-h', 'ssh://me@-h'],
  ['https://me:hunter2@127.0.0.1:1', 'https://127.0.0.1:1'],
  ['me:hunter2@127.0.0.1:1', '127.0.0.1:1'],
  ['foo://me:hunter2@h', 'foo://me@h'],
  ['tcp://me:hun/ter2@h', 'tcp://me@h'],
])('no message holds the password of %s', async (address, shown) => {
  for (const environment of [{ DOCKER_HOST: address }, {}]) {
    const engine = environment.DOCKER_HOST === undefined ? { engine: address } : {};
    expect(await names({ ...engine, environment, home: home() })).toEqual([
      `${engine.engine === undefined ? 'DOCKER_HOST' : '--engine'} ${shown}`,
    ]);
    const said = JSON.stringify(
      await connectEngine({ ...engine, environment, home: home(), platform: 'linux' }),
    );
    expect(said).toContain(shown);
    expect(said).not.toMatch(/hun|ter2/);
  }
});

test('an engine that does not answer at DOCKER_HOST may be one that nobody meant', async () => {
  const environment = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
  expect(await connectEngine({ environment, home: home(), platform: 'linux' })).toMatchObject({
    failure: { kind: 'environment', hint: expect.stringMatching(/, or unset DOCKER_HOST$/) as string },
  });
});
