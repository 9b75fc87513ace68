import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectEngine, type Seeking } from '../../../../engine/docker/connect.ts';
import { freePort } from '../../../rig/registry.ts';

const empty = mkdtempSync(join(tmpdir(), 'lockstep-home-'));

/** What is named is the only place: the machine's own socket would answer. */
const around = (port: number, more: Partial<Seeking> = {}): Seeking => ({
  ...{ environment: { DOCKER_HOST: `tcp://127.0.0.1:${port}` }, home: empty, platform: 'linux' },
  offered: { places: [], waitMs: 60_000, hint: () => 'look at the runner' },
  ...more,
});

test('an engine that begins to answer later is found', async () => {
  const server = createServer((_, answer) => answer.end('{"Version": "28.0.0", "Components": []}'));
  let turnedAway = 0;
  server.on('connection', (socket) => {
    if (turnedAway === 2) return;
    turnedAway++;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await connectEngine(around(port))).toMatchObject({
    ok: true,
    value: { description: `Docker 28.0.0 (tcp://127.0.0.1:${port})` },
  });
  expect(turnedAway).toBe(2);
  server.close();
});

test('who is cancelled waits no more, not even for an answer', async () => {
  // It takes connections and says nothing.
  const server = createTcpServer();
  const cancel = new AbortController();
  server.on('connection', () => cancel.abort());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await connectEngine(around(port, { cancel: cancel.signal }))).toMatchObject({ ok: false });
  server.close();
});

test('what ends in good order after a cancel still gets its engine, without waiting', async () => {
  const server = createServer((_, answer) => answer.end('{"Version": "28.0.0", "Components": []}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cancel = AbortSignal.abort();
  expect(await connectEngine(around(port, { cancel }))).toMatchObject({ ok: true });
  server.close();
  expect(await connectEngine(around(await freePort(), { cancel }))).toMatchObject({ ok: false });
});

test("without the platform's engines nobody waits", async () => {
  const { environment, home, platform } = around(await freePort());
  expect(await connectEngine({ environment, home, platform })).toMatchObject({
    ok: false,
    failure: {
      code: 'no-engine',
      hint: expect.stringMatching(/^start one .*, or unset DOCKER_HOST$/) as string,
    },
  });
});

test("the platform's hint, once the time is over", async () => {
  const offered = { places: [], waitMs: 0, hint: () => 'look at the runner' };
  expect(await connectEngine(around(await freePort(), { offered }))).toMatchObject({
    failure: { hint: 'look at the runner, or unset DOCKER_HOST' },
  });
});

test('certificates that are not there are named', async () => {
  const environment = { DOCKER_HOST: `tcp://127.0.0.1:${await freePort()}`, DOCKER_CERT_PATH: empty };
  const offered = { places: [], waitMs: 0, hint: () => '' };
  expect(await connectEngine(around(0, { environment, offered }))).toMatchObject({
    failure: { cause: expect.stringContaining(`there are no certificates in ${empty}`) as string },
  });
});

test('a host that nobody knows is not waited for, with certificates or without', async () => {
  for (const certificates of [{}, { DOCKER_CERT_PATH: empty }]) {
    // Longer than a name can be, so that nobody is asked.
    const environment = { DOCKER_HOST: `tcp://${'x'.repeat(64)}`, ...certificates };
    expect(await connectEngine(around(0, { environment }))).toMatchObject({
      failure: { cause: expect.stringContaining('there is no such host') as string },
    });
  }
});
