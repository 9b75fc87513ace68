import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Dockerode from 'dockerode';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Ended, Endings, type SharedNetwork } from '../../../../engine/docker/endings.ts';
import { EngineLink } from '../../../../engine/docker/engine-link.ts';

/** An engine that does what it is told and writes it down. */
let server: Server;
let asked: string[];
let refuses: RegExp | null;
let runtime: string;
let endings: Endings;
let closed: string[];
let removals: Promise<unknown>[];

beforeEach(async () => {
  [asked, closed, removals, refuses, runtime] = [[], [], [], null, 'runc'];
  server = createServer(({ url = '' }, answer) => {
    const [, id = '', call = ''] = /\/containers\/(\w+)\/(\w+)/.exec(url) ?? [];
    if (call !== 'json') asked.push(`${call} ${id}`);
    const status = refuses?.test(call) ? 500 : call === 'json' ? 200 : 204;
    answer.writeHead(status, { 'content-type': 'application/json' });
    answer.end(status === 204 ? '' : JSON.stringify({ Id: id, HostConfig: { Runtime: runtime } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const link = new EngineLink(new Dockerode({ host: '127.0.0.1', port, protocol: 'http' }), '');
  endings = new Endings(link, (removal) => removals.push(removal));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  server.close();
});

const networkOf = (holder: string): SharedNetwork => ({ holder, look: { sockets: 0, rest: '' } });

const ended = (id: string, network: SharedNetwork | null, more: Partial<Ended> = {}): Ended => ({
  ...{ id, network, isIdle: true, tookMs: 100, close: () => closed.push(id) },
  ...more,
});

/** Null where none is lent, or the engine does not play along. */
async function lend(): Promise<SharedNetwork | null> {
  const loan = endings.lend();
  if (loan === null) return null;
  if (await loan.isDeserted) return loan.network;
  endings.refuse(loan.network);
  return null;
}

const add = (id: string, network: SharedNetwork | null = null, more: Partial<Ended> = {}): void =>
  endings.add(ended(id, network, more));

test('a container is closed after a while, once', async () => {
  add('a');
  vi.advanceTimersByTime(4_999);
  expect(closed).toEqual([]);
  vi.advanceTimersByTime(1);
  await endings.endAll();
  expect(closed).toEqual(['a']);
});

test('one in which something may still run is closed at once', () => {
  add('a', networkOf('a'), { isIdle: false });
  expect(closed).toEqual(['a']);
});

test('too many do not wait: the first goes', () => {
  for (let index = 0; index < 18; index++) add(`c${index}`);
  expect(closed).toEqual(['c0', 'c1']);
});

test('all are closed at once when nothing is left to wait for', async () => {
  add('a');
  add('b');
  await endings.endAll();
  vi.advanceTimersByTime(10_000);
  expect(closed).toEqual(['a', 'b']);
});

test('a network goes from job to job; whoever had it is frozen, and thawed before all are closed', async () => {
  const network = networkOf('a');
  add('a', network);
  expect(await lend()).toBe(network);
  expect(await lend()).toBeNull();
  add('b', network);
  expect(await lend()).toBe(network);
  add('c', network);
  expect(asked).toEqual(['pause a', 'pause b']);
  await endings.endAll();
  expect(asked.slice(2).sort()).toEqual(['unpause a', 'unpause b']);
  expect(closed.sort()).toEqual(['a', 'b', 'c']);
});

test('its container stays as long as another is in the network, and goes a while after', async () => {
  const network = networkOf('a');
  add('a', network);
  await lend();
  vi.advanceTimersByTime(60_000);
  for (let index = 0; index < 17; index++) add(`c${index}`);
  expect([closed, asked]).toEqual([['c0', 'c1'], ['pause a']]);
  add('b', network, { tookMs: 60_000 });
  vi.advanceTimersByTime(5_000);
  await Promise.all(removals);
  // Never thawed: hostile or not, it does nothing any more.
  expect(asked).toEqual(['pause a', 'kill a']);
  expect(closed).toContain('a');
});

test('a frozen one is killed while others are in the network', async () => {
  const network = networkOf('a');
  add('a', network);
  await lend();
  add('b', network);
  await lend();
  vi.advanceTimersByTime(5_000);
  await Promise.all(removals);
  expect(asked).toEqual(['pause a', 'pause b', 'kill b']);
  expect(closed).toEqual(['b']);
});

test.each<[string, SharedNetwork | null, Partial<Ended>]>([
  ['there is none', null, {}],
  ['its job took long: it may hold much of the disk', networkOf('a'), { tookMs: 5_001 }],
  ['something may still run there', networkOf('a'), { isIdle: false }],
  ['its container is gone', networkOf('gone'), {}],
])('no network is lent where %s', async (_, network, more) => {
  add('a', network, more);
  expect(await lend()).toBeNull();
  expect(asked).toEqual([]);
});

test.each([
  ['freezes none', 'runc', /pause/, ['pause a']],
  ['does not tell what runs it', 'runc', /json/, []],
  ['runs it in a machine of its own', 'kata', null, []],
])('an engine that %s lends nothing, and is asked once', async (_, itsRuntime, itRefuses, calls) => {
  [runtime, refuses] = [itsRuntime, itRefuses];
  add('a', networkOf('a'));
  add('b', networkOf('b'));
  expect(await lend()).toBeNull();
  expect(await lend()).toBeNull();
  expect(asked).toEqual(calls);
  await endings.endAll();
  expect(closed).toEqual(['a', 'b']);
});

test('after one that did not serve there is no other', async () => {
  const network = networkOf('a');
  add('a', network);
  add('b', networkOf('b'));
  await lend();
  endings.refuse(network);
  expect(await lend()).toBeNull();
  vi.advanceTimersByTime(5_000);
  await Promise.all(removals);
  expect([asked, closed.sort()]).toEqual([
    ['pause a', 'kill a'],
    ['a', 'b'],
  ]);
});

test('an engine that does not answer holds nobody up for long', async () => {
  add('a', networkOf('a'));
  await lend();
  server.removeAllListeners('request');
  const ending = endings.endAll();
  await vi.advanceTimersByTimeAsync(5_000);
  await ending;
  expect(closed).toEqual(['a']);
});
