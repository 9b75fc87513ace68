import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { RunEvent, StepFinished } from '../../../src/model/event.ts';
import { githubLogs } from '../../../providers/github/logs.ts';
import type { JobResult } from '../../../src/model/result.ts';
import { createFoldedReporter } from '../../../src/report/folded.ts';
import { jobFinished, runFinished } from './events.ts';

type Told = RunEvent | { readonly type: 'text'; readonly job: string; readonly text: string };

const started = (...jobs: string[]): RunEvent => ({
  ...{ type: 'run-started', schema: 1, id: 'r', at: 0, title: 'demo', directory: '.lockstep/runs/r' },
  ...{ jobs, parallel: 2, engine: null },
});
const step = (job: string, name: string, more: { attempt?: number; reused?: boolean } = {}): RunEvent => ({
  ...{ type: 'step-started', job, step: 0, at: 0, name, phase: 'steps', attempt: 1, reused: false },
  ...more,
});
const done = (job: string, name: string, more: Partial<StepFinished> = {}): RunEvent => ({
  ...{ type: 'step-finished', job, step: 0, at: 0, name, phase: 'steps', status: 'success', exitCode: 0 },
  ...{ allowedFailure: false, durationMs: 1000, reused: false, savedMs: 0 },
  ...more,
});
const text = (job: string, words: string, stream: 'stdout' | 'stderr' = 'stdout'): RunEvent => ({
  ...{ type: 'log', job, step: 0, stream, chunk: Buffer.from(words) },
});

/** With tokens as numbers, in the order in which they came, and without colours. */
async function shown(...events: Told[]): Promise<string> {
  const written: Buffer[] = [];
  const emit = createFoldedReporter({
    write: async (bytes) => {
      await Promise.resolve();
      written.push(Buffer.from(bytes));
    },
    style: githubLogs(),
    logBytes: null,
  });
  await Promise.all(events.map(async (event) => emit(event as RunEvent)));
  const tokens: string[] = [];
  return stripVTControlCharacters(Buffer.concat(written).toString()).replace(/[0-9a-f]{32}/g, (token) => {
    if (!tokens.includes(token)) tokens.push(token);
    return `T${tokens.indexOf(token)}`;
  });
}

describe('the log of one job', () => {
  test('is a fold a step, its lines as they come, within a fence', async () => {
    expect(
      await shown(
        ...[started('a'), step('a', 'build'), text('a', 'one\ntw'), text('a', 'o\n'), text('a', 'rest')],
        ...[done('a', 'build'), step('a', 'test'), done('a', 'test')],
      ),
    ).toBe(`demo: 1 job
::group::build
::stop-commands::T0
one
two
rest
::T0::
::endgroup::
> build: success in 1.0s
::group::test
::endgroup::
> test: success in 1.0s
`);
  });

  test('leaves the fence for what we say meanwhile, and enters another one', async () => {
    const notice: RunEvent = { type: 'notice', level: 'warning', code: 'c', message: 'm' };
    expect(
      await shown(started('a'), step('a', 's'), text('a', '1\n'), notice, text('a', '2\n'), done('a', 's')),
    ).toBe(`demo: 1 job
::group::s
::stop-commands::T0
1
::T0::
::warning title=c::m
::stop-commands::T1
2
::T1::
::endgroup::
> s: success in 1.0s
`);
  });
});

test('steps of several jobs are whole, and one attempt follows the other in one fold', async () => {
  expect(
    await shown(
      ...[started('a', 'b'), step('a', 's'), step('b', 's'), text('a', 'a1\n'), text('b', 'b1\n')],
      ...[
        text('a', 'a2\n'),
        done('b', 's'),
        step('a', 's', { attempt: 2 }),
        text('a', 'a3\n'),
        done('a', 's'),
      ],
    ),
  ).toBe(`demo: 2 jobs, 2 at a time
::group::b: s: success in 1.0s
::stop-commands::T0
b1
::T0::
::endgroup::
::group::a: s: success in 1.0s
::stop-commands::T1
a1
a2
a > s (attempt 2)
a3
::T1::
::endgroup::
`);
});

test('instances of the only job, which only the run knew, are several jobs', async () => {
  const begun = (job: string): RunEvent => ({
    ...{ type: 'job-started', job, at: 0, attempt: 1, image: 'i', steps: ['s'], reused: 'none' },
  });
  const log = await shown(
    ...[started('t'), begun('t[n=1]'), begun('t[n=2]'), step('t[n=1]', 's'), step('t[n=2]', 's')],
    ...[text('t[n=1]', '1\n'), text('t[n=2]', '2\n'), done('t[n=2]', 's'), done('t[n=1]', 's')],
  );
  expect(log).toBe(`demo: 1 job
t[n=1] > image i
t[n=2] > image i
::group::t[n=2]: s: success in 1.0s
::stop-commands::T0
2
::T0::
::endgroup::
::group::t[n=1]: s: success in 1.0s
::stop-commands::T1
1
::T1::
::endgroup::
`);
});

test('megabytes of several jobs come out whole and apart', async () => {
  const many = (letter: string) => `${letter.repeat(99)}\n`.repeat(20_000);
  const all = await shown(
    ...[started('a', 'b'), step('a', 's'), step('b', 's')],
    ...[text('a', many('x')), text('b', many('y')), text('a', many('z')), done('a', 's'), done('b', 's')],
  );
  // Compared at once: a difference of megabytes is nothing to look at.
  expect(all.includes(`::stop-commands::T0\n${many('x')}${many('z')}::T0::\n`)).toBe(true);
  expect(all.includes(`::stop-commands::T1\n${many('y')}::T1::\n`)).toBe(true);
});

test('reused steps have no fold', async () => {
  expect(
    await shown(
      started('a'),
      step('a', 's', { reused: true }),
      text('a', 'x\n'),
      done('a', 's', { reused: true }),
    ),
  ).toBe(`demo: 1 job\n> s: reused, saved 0.0s\n`);
});

describe('a hostile step', () => {
  const commands = ['::error::e', ' ::add-mask::m', '::stop-commands::x', '##[group]g', '::endgroup::'];
  test('says nothing that is obeyed', async () => {
    const log = await shown(
      ...[
        started('a'),
        step('a', commands.join(' ')),
        text('a', commands.map((line) => `${line}\n`).join('')),
      ],
      done('a', '::error::name', {
        status: 'failure',
        exitCode: 1,
        failure: failureOf('::error::x\n##[error]y'),
      }),
      ...failedRun('a'),
    );
    const [before = '', inside = '', after = ''] = log.split(/::stop-commands::T0\n|::T0::\n/);
    expect(inside).toBe(commands.map((line) => `${line}\n`).join(''));
    expect(before).toBe(`demo: 1 job\n::group::${commands.join(' ')}\n`);
    expect(after.split('\n').filter((line) => /^\s*::|##\[/.test(line))).toEqual([
      '::endgroup::',
      '::error title=a%3A %3A%3Aerror%3A%3Aname::failed: a, ::error::name: exit 1 after 1.0s%0A  ::error::x%0A  ##[error]y%0A  last lines of .lockstep/runs/r/logs/a.log:%0A' +
        commands.map((line) => `  | ${line}`).join('%0A'),
    ]);
  });
});

const failureOf = (message: string) => ({ kind: 'pipeline', code: 'timeout', message }) as const;

/** How a run of this job ends. */
const failedRun = (job: string, result: Partial<JobResult> = {}): RunEvent[] => [
  jobFinished(job, { status: 'failure', reason: 'step-failed', ...result }),
  runFinished('failure'),
];

describe('problems at their place', () => {
  const failed = (job: string, count: number): RunEvent => ({
    ...{ type: 'report-stored', job, kind: 'junit', files: ['r.xml'], path: '' },
    tests: {
      ...{ tests: count, failed: count, skipped: 0, durationMs: 0 },
      failures: Array.from({ length: Math.min(count, 500) }, (_, index) => ({
        ...{ name: `t${index}`, message: '50% of\r\n"a", b: c', file: 'src/a,b.ts', line: index + 1 },
      })),
    },
  });
  const commandsIn = (log: string): string[] =>
    log.split('\n').filter((line) => /^::(?:error|warn)/.test(line));

  test('the failed step first, with its last lines, then tests; what the platform shows no more is said', async () => {
    const log = await shown(
      ...[started('a'), step('a', 's'), text('a', 'why\n')],
      ...[done('a', 's', { status: 'failure', exitCode: 2 }), failed('a', 10_000), ...failedRun('a')],
    );
    const errors = commandsIn(log);
    expect(errors).toHaveLength(10);
    expect(errors.slice(0, 2)).toEqual([
      '::error title=a%3A s::failed: a, s: exit 2 after 1.0s%0A  last lines of .lockstep/runs/r/logs/a.log:%0A  | why',
      '::error file=src/a%2Cb.ts,line=1,title=a%3A t0::src/a,b.ts:1  t0%0A50%25 of%0D%0A"a", b: c',
    ]);
    expect(log).not.toMatch(/^ *src\/a,b.ts:9 /m);
    expect(log).toContain('\n  src/a,b.ts:10  t9\n      50% of\n');
    expect(log).toContain('\n  and 9,975 more failed tests: see the summary\n');
  });

  test('a test that fails in every instance of a matrix is one', async () => {
    const instances = ['t[n=1]', 't[n=2]'];
    const log = await shown(
      started(...instances),
      ...instances.flatMap((job) => [failed(job, 1), ...failedRun(job).slice(0, 1)]),
      runFinished('failure'),
    );
    expect(commandsIn(log).filter((line) => line.includes('file='))).toHaveLength(1);
  });

  test('of allowed failures are warnings; of what was no failure there are none', async () => {
    const log = await shown(
      ...[started('a'), failed('a', 1)],
      ...[done('a', 's', { status: 'failure', exitCode: 2, allowedFailure: true }), done('a', 't')],
      done('a', 'u', { status: 'timeout', failure: failureOf('too long') }),
      ...failedRun('a', { 'allowed-failure': true }),
    );
    expect(commandsIn(log)).toEqual([
      '::warning title=a%3A s::a, s: failure (exit 2, allowed) in 1.0s',
      '::warning title=a%3A u::failed (allowed): a, u: timeout after 1.0s%0A  too long%0A  .lockstep/runs/r/logs/a.log',
      '::warning file=src/a%2Cb.ts,line=1,title=a%3A t0::src/a,b.ts:1  t0%0A50%25 of%0D%0A"a", b: c',
    ]);
  });

  test('of the last lines those are kept that a platform has room for', async () => {
    const lines = Array.from({ length: 30 }, (_, at) => `${at} ${'x'.repeat(390)}\n`).join('');
    const log = await shown(
      ...[started('a'), step('a', 's'), text('a', lines)],
      ...[done('a', 's', { status: 'failure', exitCode: 2 }), ...failedRun('a')],
    );
    const [error = ''] = commandsIn(log);
    expect(error.length).toBeLessThan(4000);
    expect(error).toMatch(/%0A {2}\| 29 x+$/);
    expect(error).not.toContain('| 15 x');
  });

  test('what lies in a folder of the repository is named from its top', () => {
    const shownAt = githubLogs('sub').annotate({
      level: 'error',
      title: 't',
      message: 'm',
      file: 'src/a.ts',
    });
    expect(shownAt).toBe('::error file=sub/src/a.ts,title=t::m\n');
  });
});
