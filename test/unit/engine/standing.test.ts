import { describe, expect, test } from 'vitest';
import { jobEnd, lineageBefore, withheldBy, type JobEnd, type Lineage } from '../../../engine/standing.ts';
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
    [
      'a failure wins',
      [result('cancelled'), result('failure'), result('success')],
      'failure',
      { success: false, failure: true },
    ],
    [
      'cancelled before success',
      [result('success'), result('cancelled')],
      'cancelled',
      { success: false, failure: false },
    ],
    ['an allowed failure counts as success', [allowed], 'success', { success: true, failure: false }],
    [
      'an allowed failure beside a skip',
      [allowed, skippedByIf],
      'success',
      { success: true, failure: false },
    ],
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
  const ends: Record<string, JobEnd> = {
    good: { status: 'success', lineage: good },
    failed: { status: 'failure', lineage: { success: false, failure: true } },
    cancelled: { status: 'cancelled', lineage: { success: false, failure: false } },
    after: { status: 'success', lineage: { success: false, failure: true } },
    skipped: { status: 'skipped', lineage: good },
  };
  const plain = { expression: "git.tag != ''", callsStatus: false };
  const always = { expression: 'always()', callsStatus: true };
  const job = (condition: typeof plain | null, needs: string[], takesFrom: string[] = []) => ({
    condition,
    needs: needs.map((need) => ({ job: need, artifacts: [] })),
    takesFrom,
  });
  test.each([
    ['all well', job(null, ['good']), null],
    ['a need that was skipped', job(null, ['skipped']), null],
    ['a failure', job(null, ['good', 'failed']), "'failed' failed"],
    ['a failure, with a plain if', job(plain, ['failed']), "'failed' failed"],
    ['a cancelled need', job(null, ['cancelled']), "'cancelled' was cancelled"],
    ['a failure far before', job(null, ['after']), "a job before 'after' did not succeed"],
    ['a failure, with a status function', job(always, ['failed']), null],
    [
      'takes from a skipped job',
      job(null, ['skipped'], ['skipped']),
      "it takes from 'skipped', which was skipped",
    ],
    ['takes from a skipped job, with a status function', job(always, ['skipped'], ['skipped']), null],
  ])('%s', (_name, from, message) => {
    expect(withheldBy(from, (name) => ends[name])?.message ?? null).toBe(message);
  });
});
