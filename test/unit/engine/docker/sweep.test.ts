import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import {
  ownerName,
  ownerText,
  parseOwner,
  parseOwnerName,
  standing,
  thisOwner,
} from '../../../../engine/owner.ts';
import { mayGo, leftoverContainer, runsAliveBy } from '../../../../engine/docker/sweep.ts';

const now = 1_000_000;
const labels = { 'dev.lockstep.run': 'r', 'dev.lockstep.owner': 'o' };
const thing = { kind: 'container', labels, created: now - 10, running: false } as const;
const none = new Set<string>();

test('a dead owner’s things go, a live one’s stay, whatever their age', () => {
  expect(mayGo(thing, 'dead', new Set(['r']), now)).toBe(true);
  expect(mayGo({ ...thing, created: 0 }, 'alive', none, now)).toBe(false);
});

test('a foreign owner’s things go when they are old and nothing of that run lives', () => {
  const old = { ...thing, created: now - 25 * 3600 };
  expect(mayGo(old, 'foreign', none, now)).toBe(true);
  expect(mayGo(old, 'foreign', new Set(['r']), now)).toBe(false);
  expect(mayGo({ ...thing, created: now - 23 * 3600 }, 'foreign', none, now)).toBe(false);
});

test('a run is alive by the container of a job, not by a service that outlived it', () => {
  const service = { ...thing, running: true, labels: { ...labels, 'dev.lockstep.service': 'db' } };
  expect(runsAliveBy([service, thing])).toEqual(new Set());
  expect(runsAliveBy([service, { ...thing, running: true }])).toEqual(new Set(['r']));
});

test('a foreign owner’s things go at once when their run is said to have ended, a live one’s do not', () => {
  const ended = new Set(['r']);
  expect(mayGo(thing, 'foreign', ended, now, ended)).toBe(true);
  expect(mayGo(thing, 'foreign', none, now, new Set(['other']))).toBe(false);
  expect(mayGo(thing, 'alive', none, now, ended)).toBe(false);
  const stored = { ...thing, kind: 'volume', labels: { ...labels, 'dev.lockstep.store': 's' } } as const;
  expect(mayGo(stored, 'foreign', none, now, ended)).toBe(false);
});

test('a volume of a store is never swept, a container that was started from its snapshot is', () => {
  const stored = { ...thing, labels: { ...labels, 'dev.lockstep.store': 's' } };
  expect(mayGo({ ...stored, kind: 'volume' }, 'dead', none, now)).toBe(false);
  expect(mayGo(stored, 'dead', none, now)).toBe(true);
});

test('a container that somebody else started from a snapshot is never swept', () => {
  const inherited = { ...thing, labels: { 'dev.lockstep.run': '', 'dev.lockstep.owner': '' }, created: 0 };
  expect(mayGo(inherited, 'foreign', none, now)).toBe(false);
});

test('an owner is read back as it was written, nonsense is nobody', async () => {
  const self = await thisOwner(process.platform, process.pid);
  expect(parseOwner(ownerText(self))).toEqual(self);
  expect(parseOwnerName(ownerName(self))).toEqual(self);
  for (const text of ['', 'a/b/0/c', 'a/b/-1/c', 'a/b/x/c', 'a/b/1']) expect(parseOwner(text)).toBeNull();
});

test('who lives, who is dead, of whom nothing can be said', async () => {
  const self = await thisOwner(process.platform, process.pid);
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(child, 'spawn');
  const owner = await thisOwner(process.platform, child.pid ?? 0);
  expect(await standing(owner, self, process.platform)).toBe('alive');
  expect(await standing({ ...owner, started: '1' }, self, process.platform)).toBe('dead');
  expect(await standing({ ...owner, boot: 'other' }, self, process.platform)).toBe('foreign');
  expect(await standing({ ...owner, namespace: '1' }, self, process.platform)).toBe('foreign');
  expect(await standing(null, self, process.platform)).toBe('foreign');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await standing(owner, self, process.platform)).toBe('dead');
});

test('what was frozen when its job was over does not keep its run alive', () => {
  const found = (state: string) => leftoverContainer({ Labels: labels, Created: now, State: state });
  expect(runsAliveBy([found('paused'), found('exited')]).size).toBe(0);
  expect(runsAliveBy([found('paused'), found('running')]).size).toBe(1);
});
