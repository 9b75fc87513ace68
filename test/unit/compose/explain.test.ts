import { expect, test } from 'vitest';
import { chooseExplained, jobOf } from '../../../src/compose/explain.ts';
import type { JobForesight } from '../../../src/model/foresight.ts';

const job = (name: string): JobForesight => ({
  ...{ job: name, fate: 'reuse', because: null, provided: [] },
  steps: [
    { name: '2', id: 'first', phase: 'steps', fate: 'reuse', because: null },
    { name: 'npm test', id: null, phase: 'steps', fate: 'reuse', because: null },
  ],
});
const jobs = [job('build'), job('t[v=1.2]'), job('t[v=1.2.1]')];
const chosen = (...words: string[]) => {
  const found = chooseExplained(jobs, words);
  return found.ok
    ? found.value.map(({ job: name, asked }) => [name, asked])
    : [found.failure.code, found.failure.hint];
};

test.each([
  ['build', [['build', null]]],
  ['build.2', [['build', 1]]],
  ['build.first', [['build', 0]]],
  ['build.npm test', [['build', 1]]],
  ['t[v=1.2]', [['t[v=1.2]', null]]],
  ['t[v=1.2.1]', [['t[v=1.2.1]', null]]],
  ['t[v=1.2].1', [['t[v=1.2]', 0]]],
  [
    't.1',
    [
      ['t[v=1.2]', 0],
      ['t[v=1.2.1]', 0],
    ],
  ],
  ['build.firts', ['unknown-step', "did you mean 'first'?"]],
  ['build.0', ['unknown-step', 'known: first, npm test']],
  ['t[v=1.3]', ['unknown-instance', "did you mean 't[v=1.2]'?"]],
])('%s', (word, expected) => expect(chosen(word)).toEqual(expected));

test('several, in their order', () => {
  expect(chosen('t[v=1.2]', 'build.1')).toEqual([
    ['t[v=1.2]', null],
    ['build', 0],
  ]);
});

test.each([
  ['build', 'build'],
  ['build.a.b', 'build'],
  ['t[v=1.2].3', 't'],
])('the job of %s', (word, expected) => expect(jobOf(word)).toBe(expected));
