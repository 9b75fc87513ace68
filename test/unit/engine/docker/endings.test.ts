import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Dockerode from 'dockerode';
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { type Ended, Endings, type SharedNetwork } from '../../../../engine/docker/endings.ts';
import { EngineLink } from '../../../../engine/docker/engine-link.ts';

/** An engine that does what it is told and writes it down. */
let server: Server;
let asked: string[];
let refuses: RegExp | null;
let runtime: string;
let endings: Endings;
/** What the engine was asked for, as promises. */
let attempts: MockInstance<EngineLink['attempt']>;
let closed: string[];
let removals: Promise<unknown>[];

beforeEach(async () => {
  [asked, closed, removals, refuses, runtime] = [[], [], [], null, 'runc'];
  server = createServer(({ url = '' }, answer) => {
    const [, id = '', call = ''] = /\/containers\/(\w+)\/?(\w*)/.exec(url) ?? [];
    if (call !== 'json') asked.push(`${call || 'remove'} ${id}`);
    const status = refuses?.test(call) ? 500 : call === 'json' ? 200 : 204;
    answer.writeHead(status, { 'content-type': 'application/json' });
    answer.end(status === 204 ? '' : JSON.stringify({ Id: id, HostConfig: { Runtime: runtime } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const link = new EngineLink(new Dockerode({ host: '127.0.0.1', port, protocol: 'http' }), '');
  attempts = vi.spyOn(link, 'attempt');
  endings = new Endings(link, (removal) => removals.push(removal));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  server.close();
});

const networkOf = (holder: string): SharedNetwork => ({ holder, image: 'image', files: '' });

const ended = (id: string, network: SharedNetwork | null, more: Partial<Ended> = {}): Ended => ({
  ...{ id, network, isIdle: true, tookMs: 100, close: () => closed.push(id) },
  ...more,
});

/** As after the first job's start. */
const learn = async (): Promise<void> => {
  expect(await endings.lend('image')).toBeNull();
  endings.made('first');
  await Promise.all(attempts.mock.results.map(({ value }) => value as Promise<unknown>));
};

/** Null where none is lent, or the engine does not play along. */
async function lend(): Promise<SharedNetwork | null> {
  const loan = await endings.lend('image');
  if (loan === null) endings.made(null);
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
  await learn();
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

test('nothing of a network ends as long as another is in it; what was frozen is removed a while after', async () => {
  await learn();
  const network = networkOf('a');
  add('a', network);
  await lend();
  add('b', network);
  await lend();
  vi.advanceTimersByTime(60_000);
  for (let index = 0; index < 17; index++) add(`c${index}`);
  expect([closed, asked]).toEqual([
    ['c0', 'c1', 'c2'],
    ['pause a', 'pause b'],
  ]);
  add('c', network, { tookMs: 60_000 });
  vi.advanceTimersByTime(5_000);
  await Promise.all(removals);
  expect(asked.slice(2)).toEqual(['remove a', 'remove b']);
  expect(closed).toEqual(expect.arrayContaining(['a', 'b', 'c']));
});

test('five jobs have a network in turn: their containers stay as long as the last of them', async () => {
  await learn();
  const network = networkOf('0');
  for (const id of ['0', '1', '2', '3']) {
    add(id, network);
    expect(await lend()).toBe(network);
  }
  add('4', network);
  expect(await lend()).toBeNull();
});

test('one that nobody is in after all is lent no more, since who had it is frozen; others are', async () => {
  await learn();
  const network = networkOf('a');
  add('a', network);
  await lend();
  endings.giveBack(network);
  expect(await lend()).toBeNull();
  add('b', networkOf('b'));
  expect(await lend()).toMatchObject({ holder: 'b' });
  vi.advanceTimersByTime(5_000);
  await Promise.all(removals);
  expect(asked).toEqual(['pause a', 'pause b', 'remove a']);
});

test.each<[string, SharedNetwork | null, Partial<Ended>]>([
  ['there is none', null, {}],
  ['its job took long: it may hold much of the disk', networkOf('a'), { tookMs: 5_001 }],
  ['something may still run there', networkOf('a'), { isIdle: false }],
  ['its container is gone', networkOf('gone'), {}],
  ['it was made for another image, whose word is not the same', { ...networkOf('a'), image: 'other' }, {}],
])('no network is lent where %s', async (_, network, more) => {
  await learn();
  add('a', network, more);
  expect(await lend()).toBeNull();
  expect(asked).toEqual([]);
});

test.each([
  ['does not tell what runs it', 'runc', /json/, []],
  ['runs it in a machine of its own', 'kata', null, []],
  ['freezes none', 'runc', /pause/, ['pause a']],
])('an engine that %s lends nothing, and is asked once', async (_, itsRuntime, itRefuses, calls) => {
  [runtime, refuses] = [itsRuntime, itRefuses];
  await learn();
  add('a', networkOf('a'));
  add('b', networkOf('b'));
  expect(await lend()).toBeNull();
  expect(await lend()).toBeNull();
  expect(asked).toEqual(calls);
});

test('before it is known what the engine is like, nothing is lent', async () => {
  add('a', networkOf('a'));
  expect(await lend()).toBeNull();
});

test('after one that did not serve there is no other', async () => {
  await learn();
  const network = networkOf('a');
  add('a', network);
  add('b', networkOf('b'));
  await lend();
  endings.refuse(network);
  expect(await lend()).toBeNull();
});

test('what does not thaw is removed', async () => {
  await learn();
  add('a', networkOf('a'));
  await lend();
  refuses = /unpause/;
  await endings.endAll();
  await Promise.all(removals);
  expect(asked).toEqual(['pause a', 'unpause a', 'remove a']);
});

test('a freeze that is under way is waited for, so that it does not come after the thaw', async () => {
  await learn();
  add('a', networkOf('a'));
  void endings.lend('image');
  await endings.endAll();
  expect(asked).toEqual(['pause a', 'unpause a']);
});

test('an engine that does not answer holds nobody up for long', async () => {
  await learn();
  add('a', networkOf('a'));
  await lend();
  server.removeAllListeners('request');
  const ending = endings.endAll();
  await vi.advanceTimersByTimeAsync(5_000);
  await ending;
  expect(closed).toEqual(['a']);
});

describe('more networks are not made at once than there are processors', () => {
  const makeAll = async (): Promise<void> => {
    for (let index = 0; index < Math.max(2, availableParallelism()); index++)
      expect(await endings.lend('image')).toBeNull();
  };

  test('who comes then has one that comes free', async () => {
    await learn();
    await makeAll();
    const loan = endings.lend('image');
    const network = networkOf('a');
    add('a', network);
    expect(await loan).toMatchObject({ network });
  });

  test('or makes its own once another is made, in the order they came', async () => {
    await makeAll();
    const got: number[] = [];
    const loans = [0, 1].map((index) => endings.lend('image').then(() => got.push(index)));
    endings.made(null);
    await loans[0];
    expect(got).toEqual([0]);
    endings.made(null);
    await loans[1];
    expect(got).toEqual([0, 1]);
  });
});
