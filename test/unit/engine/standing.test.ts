import { describe, expect, test } from 'vitest';
import { jobEnd, lineageBefore, withheldBy, type Lineage } from '../../../engine/standing.ts';
import type { JobResult } from '../../../src/model/result.ts';

const good: Lineage = { success: true, failure: false };

const result = (status: JobResult['status'], more: Partial<JobResult> = {}): JobResult => ({
  status,
  'allowed-failure': false,
  outputs: {},
  artifacts: {},
  steps: [],
  ...more,
});

describe('jobEnd', () => {
  const skippedByIf = result('skipped', { reason: 'condition' });
  const skippedByNeeds = result('skipped', { reason: 'needs' });
  const allowed = result('failure', { 'allowed-failure': true });
  test.each([
    ['one success', [result('success')], 'success', { success: true, failure: false }],
    ['a failure wins', [result('cancelled'), result('failure'), result('success')], 'failure', { success: false, failure: true }],
    ['cancelled before success', [result('success'), result('cancelled')], 'cancelled', { success: false, failure: false }],
    ['an allowed failure counts as success', [allowed], 'success', { success: true, failure: false }],
    ['an allowed failure beside a skip', [allowed, skippedByIf], 'success', { success: true, failure: false }],
    ['skipped by its own if', [skippedByIf], 'skipped', { success: true, failure: false }],
    ['skipped because of needs', [skippedByNeeds], 'skipped', { success: false, failure: false }],
  ] as const)('%s', (_name, instances, status, lineage) => {
    expect(jobEnd(instances, good)).toEqual({ status, lineage });
  });

  test('what went wrong before stays in the lineage', () => {
    expect(jobEnd([result('success')], { success: false, failure: true }).lineage).toEqual({
      success: false,
      failure: true,
    });
  });
});

test('lineageBefore is good with no needs, and joins those there are', () => {
  expect(lineageBefore([])).toEqual(good);
  const bad = { status: 'failure', lineage: { success: false, failure: true } } as const;
  expect(lineageBefore([{ status: 'success', lineage: good }, bad])).toEqual(bad.lineage);
});

describe('withheldBy', () => {
  const standing = { ...good, cancelled: false };
  const failed = { success: false, failure: true, cancelled: false };
  const skipped = () => ({ status: 'skipped', lineage: good }) as const;
  const plain = { expression: "git.tag != ''", callsStatus: false };
  const always = { expression: 'always()', callsStatus: true };
  test.each([
    ['all well', { condition: null, takesFrom: [] }, standing, null],
    ['a failure before', { condition: null, takesFrom: [] }, failed, 'needs'],
    ['a failure before, with a plain if', { condition: plain, takesFrom: [] }, failed, 'needs'],
    ['a failure before, with a status function', { condition: always, takesFrom: [] }, failed, null],
    ['takes from a skipped job', { condition: null, takesFrom: ['a'] }, standing, 'needs'],
    ['takes from a skipped job, with a status function', { condition: always, takesFrom: ['a'] }, standing, null],
  ] as const)('%s', (_name, job, at, expected) => {
    expect(withheldBy(job, at, skipped)).toBe(expected);
  });
});
