import { expect, test } from 'vitest';
import type { Change, ExplainedJob, StepForesight } from '../../../src/model/foresight.ts';
import type { PlanPreview, PlatformPreview } from '../../../src/model/plan-preview.ts';
import { renderExplained, renderOverview } from '../../../src/report/explain.ts';
import { renderPlan } from '../../../src/report/plan.ts';

const plain = { color: false };
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const step = (name: string, more: Partial<StepForesight>): StepForesight => ({
  ...{ name, id: null, phase: 'steps', fate: 'reuse', because: null },
  ...more,
});
const file = (path: string): Change => ({
  what: ['file', path],
  change: 'changed',
  before: { mode: '100644', digest: digest('a') },
  now: { mode: '100755', digest: digest('b') },
});
const changed = (changes: readonly Change[]) => ({ why: 'changed', step: 1, at: 0, changes }) as const;

const because = changed([
  file('src/\x1b[2J.ts'),
  { what: ['env', 'CI'], change: 'added' },
  { what: ['image'], change: 'changed', before: digest('1'), now: digest('2') },
]);
const job: ExplainedJob = {
  ...{ job: 'test[node=22]', fate: 'run', because, provided: ['lint'], asked: null },
  steps: [
    step('npm ci', {}),
    step('npm test', { fate: 'run', because }),
    step('docs', { fate: 'skip' }),
    step('clean', { phase: 'finally', fate: 'run', because: { why: 'follows', step: 1 } }),
  ],
};
const details = `  step 2 compared with the run of 1970-01-01 00:00:00 UTC:
    env CI added
    image changed: sha256:111111111111 → sha256:222222222222
    file src/\\x1b[2J.ts changed: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb, mode 100644 → 100755
`;

test('a job, its steps, and all that differs', () => {
  expect(renderExplained([job], plain)).toBe(`test[node=22]  runs from step 2, if lint succeeds
  1 npm ci          reuse
  2 npm test        run: file src/\\x1b[2J.ts changed and 2 more
  3 docs            skip
  4 finally: clean  run: step 2 runs
${details}`);
});

test('one step: what it follows from, or that it is answered', () => {
  expect(
    renderExplained(
      [
        { ...job, asked: 3 },
        { ...job, asked: 0 },
      ],
      plain,
    ),
  ).toBe(
    `test[node=22] step 4 finally: clean  run: step 2 runs\n${details}\ntest[node=22] step 1 npm ci  reuse\n`,
  );
});

test('at most 20 files', () => {
  const many = changed(Array.from({ length: 33 }, (_, index) => file(`f${index}`)));
  const text = renderExplained([{ ...job, because: many }], plain);
  expect(text.match(/^ {4}file /gm)).toHaveLength(20);
  expect(text).toContain('\n    and 13 more\n');
  expect(renderOverview([{ ...job, because: many }], plain)).toContain(': 33 files changed\n');
});

test('every job in a line', () => {
  const none = { provided: [], steps: [] };
  const text = renderOverview(
    [
      job,
      { ...none, job: 'a', fate: 'reuse', because: null },
      { ...none, job: 'b', fate: 'open', because: { why: 'needs', jobs: ['a', 'x'] } },
      { ...none, job: 'c', fate: 'skip', because: { why: 'condition', message: 'if: false' } },
      { ...none, job: 'd', fate: 'fail', because: { why: 'failure', message: 'no' } },
    ],
    plain,
  );
  expect(text)
    .toBe(`test[node=22]  runs from step 2, if lint succeeds: file src/\\x1b[2J.ts changed and 2 more
a              reused
b              decided during the run: it takes from a, x, which must run first
c              skipped: if: false
d              fails before its first step: no
`);
  expect(renderOverview([job], { color: true })).toContain('\x1b[');
});

test('the plan says of each step whether it is reused', () => {
  const instance = {
    name: 'a',
    image: { template: 'x', value: 'x' },
    timeout: { template: '1m', value: '1m' },
    env: {},
    services: {},
  };
  const preview: PlanPreview = {
    ...{ pipeline: null, platform: 'linux/amd64', params: {} },
    jobs: [
      {
        ...{ name: 'a', needs: [], decision: { kind: 'run' }, secrets: [], caches: [] },
        ...{ steps: ['npm ci', 'npm test'], artifacts: [], outputs: [], instances: [instance] },
      },
    ],
  };
  const steps = job.steps.slice(0, 2);
  const planned = { job: 'a', fate: 'run', because, provided: [], steps } as const;
  expect(renderPlan({ ...preview, foreseen: [planned] }, plain)).toContain(`a  runs
  image: x
  timeout: 1m
  steps:
    1 npm ci: reuse
    2 npm test: run (because file src/\\x1b[2J.ts changed and 2 more)
`);
  const reused = { ...planned, fate: 'reuse', because: null, steps: steps.slice(0, 1) } as const;
  expect(renderPlan({ ...preview, foreseen: [reused] }, plain)).toContain('a  reused\n');
  expect(renderPlan(preview, plain)).toContain('a  runs\n  steps: npm ci → npm test\n');
});

test('of a CI platform the plan says the event, whose records count, and what it has', () => {
  const preview: PlanPreview = { pipeline: null, platform: 'linux/amd64', params: {}, jobs: [] };
  const on: PlatformPreview = {
    ...{ name: 'GitHub Actions', dryRun: true, ref: 'refs/heads/a' },
    event: { name: 'push', 'pull-request': null },
    ...{ reads: ['o/r refs/heads/a', 'o/r refs/heads/main'], writes: 'o/r refs/heads/a' },
    ...{ noCache: 'this is a dry run', noArtifacts: null, noSecrets: 'none was given' },
  };
  expect(renderPlan({ ...preview, on }, plain)).toContain(`
a dry run, as on GitHub Actions: push of refs/heads/a
reuses what is kept here for: o/r refs/heads/a, o/r refs/heads/main
keeps: for o/r refs/heads/a
cache of the platform: none, since this is a dry run
artifacts of the platform: there
secrets of the platform: none, since none was given
`);
  const change = { number: 5, source: 'x', target: 'ma\u001bin', fork: true };
  const fork = {
    ...on,
    dryRun: false,
    writes: null,
    event: { name: 'pull-request', 'pull-request': change },
  } as const;
  expect(renderPlan({ ...preview, on: fork }, plain)).toContain(`
on GitHub Actions: pull request 5 into ma\\x1bin, from a fork
reuses what is kept here for: o/r refs/heads/a, o/r refs/heads/main
keeps: nothing, since anybody may have written what runs
`);
});
