import { expect, test } from 'vitest';
import { planLock, relock, type LockRequest } from '../../../src/pipeline/lock-change.ts';

const request = (more: Partial<LockRequest>): LockRequest => ({
  pins: new Map([
    ['a', '1'],
    ['b', '2'],
  ]),
  used: ['b', 'c'],
  open: false,
  named: [],
  update: false,
  ...more,
});

test.each([
  ['no lock file', { pins: null }, { ask: ['b', 'c'], missing: ['b', 'c'], unused: [] }],
  ['what is missing, what is unused', {}, { ask: ['c'], missing: ['c'], unused: ['a'] }],
  ['all anew', { update: true }, { ask: ['b', 'c'], missing: ['c'], unused: ['a'] }],
  ['one anew', { used: ['a', 'b'], update: true, named: ['a'] }, { ask: ['a'], missing: [], unused: [] }],
  [
    'one anew, one missing',
    { update: true, named: ['b'] },
    { ask: ['b', 'c'], missing: ['c'], unused: ['a'] },
  ],
  ['open: nothing is unused', { open: true }, { ask: ['c'], missing: ['c'], unused: [] }],
  [
    'open: others may be named',
    { open: true, named: ['d'] },
    { ask: ['c', 'd'], missing: ['c', 'd'], unused: [] },
  ],
  ['a name that nothing uses', { named: ['cc'] }, { unknown: 'cc', hint: "did you mean 'c'?" }],
])('%s', (_name, more, change) => {
  expect(planLock(request(more))).toEqual(change);
});

test('the new lock file: pins that are there stay, unless asked for and not served any more', () => {
  const before = new Map([
    ['kept', '1'],
    ['moved', '2'],
    ['same', '3'],
    ['gone', '4'],
    ['unused', '5'],
  ]);
  const change = { ask: ['gone', 'moved', 'new', 'same'], missing: ['new'], unused: ['unused'] };
  const answers = new Map([
    ['moved', '22'],
    ['new', '6'],
    ['same', '3'],
  ]);
  const { pins, ...lists } = relock(before, change, answers);
  expect(Object.fromEntries(pins)).toEqual({ kept: '1', moved: '22', new: '6', same: '3' });
  expect(lists).toEqual({
    pinned: ['new'],
    updated: ['moved'],
    dropped: ['gone', 'unused'],
    unchanged: ['kept', 'same'],
  });
});
