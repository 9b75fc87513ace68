import { expect, test } from 'vitest';
import type { ReportStored, RunEvent } from '../../../src/model/event.ts';
import { createPlainReporter } from '../../../src/report/plain.ts';
import {
  jobFinished,
  jobStarted,
  log,
  runFinished,
  runStarted,
  stepFinished,
  stepStarted,
  textOf,
} from './events.ts';

const show = (events: readonly RunEvent[], color = false): string =>
  textOf((write) => createPlainReporter({ write, color }), events);
const lines = (events: readonly RunEvent[]): string[] => show(events).split('\n').slice(0, -1);

const failedTests: ReportStored = {
  type: 'report-stored',
  job: 'test',
  kind: 'junit',
  files: ['r.xml'],
  path: 'p',
  tests: {
    tests: 9,
    failed: 2,
    skipped: 1,
    durationMs: 5,
    failures: [{ name: 'adds', message: 'expected 3\n\nto be 4', file: 'src/a.test.ts', line: 42 }],
  },
};

test('one job: its log without a prefix, the digest last', () => {
  const finished = runFinished('success');
  expect(
    lines([
      runStarted(['build']),
      jobStarted('build'),
      stepStarted('build', 0, 'make'),
      log('build', 0, 'hello\nwor'),
      log('build', 0, 'ld'),
      stepFinished('build', 0, 'make'),
      {
        type: 'artifact-stored',
        job: 'build',
        name: 'dist',
        digest: 'd',
        files: 2,
        bytes: 2048,
        path: 'p/dist',
      },
      jobFinished('build'),
      finished,
    ]),
  ).toEqual([
    'web: 1 job, on Docker 20.10.24',
    '> image busybox',
    '> make',
    'hello',
    'world',
    '> make: success in 1.2s',
    '> artifact dist: 2 files, 2.0 KiB, p/dist',
    '',
    'job    status    time',
    'build  success  12.3s',
    '',
    'success in 1m 04s: 1 job',
    '.lockstep/runs/r1',
    `result ${finished.digest}`,
  ]);
});

test('jobs, steps and streams side by side never share a line', () => {
  expect(
    lines([
      runStarted(['a', 'bb']),
      log('a', 0, 'one '),
      log('bb', 0, 'two\nthree '),
      log('a', 0, 'oops', 'stderr'),
      log('a', 0, 'more\n'),
      stepFinished('a', 0, 's'),
      log('bb', 0, 'four\n'),
    ]).slice(1),
  ).toEqual(['bb | two', 'a  | one more', 'a  | oops', 'a  > s: success in 1.2s', 'bb | three four']);
});

test('a line that the end of its step never closed comes with the next step or the end of the job', () => {
  const shown = lines([runStarted(['a', 'b']), log('a', 0, 'one'), log('a', 1, 'two'), jobFinished('a')]);
  expect(shown.slice(1)).toEqual(['a | one', 'a | two', 'a > job success in 12.3s']);
});

test('a job name with a replacement pattern is a name', () => {
  expect(lines([runStarted(['a[x=$&]', 'b']), log('a[x=$&]', 0, '1\n2\n')]).slice(1)).toEqual([
    'a[x=$&] | 1',
    'a[x=$&] | 2',
  ]);
});

test('what went on: notices, services, retries, skipped steps, cancelling', () => {
  expect(
    lines([
      runStarted(['a', 'b']),
      { type: 'notice', level: 'warning', code: 'w', message: 'one\ntwo' },
      { type: 'notice', level: 'info', code: 'i', message: 'pulled', job: 'a' },
      { type: 'service-ready', job: 'a', service: 'db', durationMs: 900 },
      { type: 'job-retrying', job: 'a', attempt: 1, reason: 'timeout', delayMs: 1000 },
      jobStarted('a', 2),
      {
        type: 'step-started',
        job: 'a',
        step: 1,
        at: 0,
        name: 'tidy',
        phase: 'finally',
        attempt: 2,
        reused: false,
      },
      {
        type: 'step-finished',
        job: 'a',
        step: 2,
        at: 0,
        name: 'no',
        phase: 'steps',
        status: 'skipped',
        allowedFailure: false,
        durationMs: 0,
        reused: false,
        savedMs: 0,
      },
      { type: 'run-cancelling', at: 0, signal: 'SIGINT', atOnce: false },
      { type: 'run-cancelling', at: 0, signal: 'SIGTERM', atOnce: true },
      jobFinished('b', { status: 'skipped', reason: 'needs' }, { attempts: 0, durationMs: 0 }),
    ]).slice(1),
  ).toEqual([
    'warning[w]: one',
    '  two',
    'a > note: pulled',
    'a > service db: ready after 0.9s',
    'a > attempt 1: timeout, trying again in 1.0s',
    'a > image busybox, attempt 2',
    'a > tidy (finally, attempt 2)',
    'a > no: skipped',
    'SIGINT: cancelling, finally steps still run; Ctrl-C again stops at once',
    'SIGTERM: stopping at once',
    'b > job skipped (needs)',
  ]);
});

test('the end names failed steps with their last lines, failed tests and failures without a step', () => {
  const memory = {
    kind: 'pipeline',
    code: 'oom',
    message: 'out of memory: limit 1MiB',
    hint: 'raise it',
  } as const;
  const image = {
    kind: 'environment',
    code: 'image-not-found',
    message: 'no image',
    cause: 'manifest unknown',
  } as const;
  const shown = lines([
    runStarted(['lint', 'test', 'e2e']),
    log('test', 0, Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join('')),
    stepFinished('test', 0, 'npm test', { status: 'failure', exitCode: 1, failure: memory }),
    failedTests,
    jobFinished('test', { status: 'failure', reason: 'step-failed' }, { attempts: 2, failure: memory }),
    jobFinished(
      'e2e',
      { status: 'failure', reason: 'environment', 'allowed-failure': true },
      { failure: image },
    ),
    jobFinished('lint'),
    runFinished('failure'),
  ]);
  const end = shown.slice(shown.indexOf('') + 1, -2);
  expect(end).toEqual([
    'failed: test, npm test: exit 1 after 1.2s',
    '  out of memory: limit 1MiB',
    '  hint: raise it',
    '  last lines of .lockstep/runs/r1/logs/test.log:',
    ...Array.from({ length: 20 }, (_, i) => `  | line ${i + 10}`),
    '',
    'failed (allowed): e2e: environment',
    '  no image',
    '  manifest unknown',
    '',
    '2 of 9 tests failed: test',
    '  src/a.test.ts:42  adds',
    '      expected 3',
    '      to be 4',
    '  and 1 more failed test: see the summary',
    '',
    'job   status                           time  attempts  tests',
    'lint  success                         12.3s',
    'test  failure                         12.3s         2  2 of 9 failed, 1 skipped',
    'e2e   failure (environment, allowed)  12.3s',
    '',
    'failure in 1m 04s: 3 jobs, 1 failed, 1 allowed to fail',
  ]);
});

test('the only job: last lines are repeated only when others followed them', () => {
  const failing = (after: RunEvent[]): string =>
    show([
      runStarted(['a']),
      log('a', 0, 'boom\n'),
      stepFinished('a', 0, 's', { status: 'failure', exitCode: 1 }),
      ...after,
      jobFinished('a', { status: 'failure', reason: 'step-failed' }),
      runFinished('failure'),
    ]);
  expect(failing([])).not.toContain('| boom');
  expect(failing([log('a', 1, 'tidied\n'), stepFinished('a', 1, 't')])).toContain('  | boom');
});

test('a failure of an earlier attempt is not told at the end', () => {
  const shown = show([
    runStarted(['a', 'b']),
    jobStarted('a'),
    stepFinished('a', 0, 's', { status: 'failure', exitCode: 1 }),
    jobStarted('a', 2),
    stepFinished('a', 0, 's'),
    jobFinished('a', {}, { attempts: 2 }),
    runFinished('success'),
  ]);
  expect(shown).not.toContain('failed:');
});

test('instances of a dynamic matrix stand where the job did', () => {
  const shown = lines([
    runStarted(['m', 't', 'z']),
    jobFinished('z'),
    jobFinished('t[x=1]'),
    jobFinished('m'),
    jobFinished('t[x=2]'),
    runFinished('success'),
  ]);
  const table = shown.slice(shown.indexOf('') + 2, -4).map((line) => line.split(' ')[0]);
  expect(table).toEqual(['m', 't[x=1]', 't[x=2]', 'z']);
});

test('nothing that users or tools wrote steers the terminal', () => {
  const evil = 'e\x1b[2J\x07\nv\u202eil';
  const shown = show([
    { ...runStarted([evil, 'b']), title: evil, engine: evil },
    { type: 'notice', level: 'warning', code: 'x', message: evil },
    jobStarted(evil),
    stepStarted(evil, 0, evil),
    log(evil, 0, evil),
    stepFinished(evil, 0, evil, {
      status: 'failure',
      exitCode: 1,
      failure: { kind: 'pipeline', code: 'c', message: evil, hint: evil, cause: evil },
    }),
    { type: 'artifact-stored', job: evil, name: evil, digest: 'd', files: 1, bytes: 1, path: evil },
    {
      ...failedTests,
      job: evil,
      tests: {
        tests: 1,
        failed: 1,
        skipped: 0,
        durationMs: 0,
        failures: [{ name: evil, message: evil, file: evil }],
      },
    },
    jobFinished(evil, { status: 'failure', reason: 'step-failed' }),
    runFinished('failure'),
  ]);
  expect(shown.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
});

test('colour only when asked, also for what a step wrote', () => {
  const events = [runStarted(['a', 'b']), log('a', 0, '\x1b[32mok\x1b[39m\x1b[2J\n')];
  expect(show(events)).not.toContain('\x1b');
  expect(show(events, true)).toContain('\x1b[32mok\x1b[39m\x1b[0m\n');
});

test('the promise of a slow writer reaches the sender, and an event of no lines writes nothing', async () => {
  const done = Promise.resolve();
  const emit = createPlainReporter({ write: () => done, color: false });
  expect(emit(runStarted(['a']))).toBe(done);
  expect(emit(log('a', 0, 'half a line'))).toBeUndefined();
  await done;
});

test('many failures are bounded', () => {
  const jobs = Array.from({ length: 100 }, (_, i) => `j${i}`);
  const shown = lines([
    runStarted(jobs),
    ...jobs.flatMap((job) => [
      log(job, 0, 'x\n'.repeat(50)),
      stepFinished(job, 0, 's', { status: 'timeout' }),
      jobFinished(job, { status: 'failure', reason: 'timeout' }),
    ]),
    runFinished('failure'),
  ]);
  expect(shown.filter((line) => line.startsWith('failed: '))).toHaveLength(20);
  expect(shown).toContain('  and 80 more failed jobs: see the summary');
});
