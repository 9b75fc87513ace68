// How much of a run a platform's log has room for, and how folds lie in each other.
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogStyle } from '../../../src/contract/log-style.ts';
import type { RunEvent } from '../../../src/model/event.ts';
import { createFoldedReporter } from '../../../src/report/folded.ts';
import { createHeldLines, keptBytes } from '../../../src/report/held-lines.ts';
import {
  jobFinished,
  jobStarted,
  log,
  runFinished,
  runStarted,
  stepFinished,
  stepStarted,
} from './events.ts';

/** Folds as `<title` and `>title`, `*` where they are closed; fences as `[` and `]`. */
function style(): LogStyle {
  const open: string[] = [];
  return {
    color: true,
    nests: true,
    say: (lines) => lines,
    open: (title, at, closed = false) => {
      open.push(title);
      return `<${closed ? '*' : ''}${title} @${at}\n`;
    },
    close: () => `>${open.pop() ?? 'NOTHING'}\n`,
    fence: () => ({ before: '[\n', after: ']\n' }),
    annotate: () => '',
    mask: () => '',
  };
}

async function shown(events: readonly RunEvent[], logBytes: number | null): Promise<string> {
  const written: Buffer[] = [];
  const emit = createFoldedReporter({
    write: async (bytes) => {
      await Promise.resolve();
      written.push(Buffer.from(bytes));
    },
    style: style(),
    logBytes,
  });
  await Promise.all(events.map(async (event) => emit(event)));
  return Buffer.concat(written).toString();
}

const plain = async (events: readonly RunEvent[], logBytes: number | null): Promise<string> =>
  stripVTControlCharacters(await shown(events, logBytes));

/** What a platform counts that puts a time before each line. */
const costOf = (text: string): number => Buffer.byteLength(text) + 40 * (text.split('\n').length - 1);

const failed = { status: 'failure', exitCode: 1 } as const;
const lines = (word: string, count: number): string =>
  Array.from({ length: count }, (_, at) => `${word} ${at}\n`).join('');

test('the only job is a fold with those of its steps in it; one that is written whole and succeeded is closed', async () => {
  const one = [
    ...[runStarted(['a']), jobStarted('a'), stepStarted('a', 0, 'build'), log('a', 0, 'x\n')],
    ...[stepFinished('a', 0, 'build'), jobFinished('a')],
  ];
  expect(await plain(one, null)).toBe(`web: 1 job, on Docker 20.10.24
<a @0
> image busybox
<build @0
[
x
]
>build
> build: success in 1.2s
>a
`);
  const two = [
    ...[runStarted(['a', 'b']), jobStarted('a'), jobStarted('b')],
    ...[stepStarted('a', 0, 's'), stepStarted('b', 0, 's'), log('a', 0, 'x\n')],
    ...[stepFinished('a', 0, 's', { at: 5000 }), stepFinished('b', 0, 's', failed)],
  ];
  expect(await plain(two, null)).toBe(`web: 2 jobs, 2 at a time, on Docker 20.10.24
a > image busybox
b > image busybox
<*a: s: success in 1.2s @3800
[
x
]
>a: s: success in 1.2s
<b: s: failure (exit 1) in 1.2s @-1200
[
]
>b: s: failure (exit 1) in 1.2s
b > s: failure (exit 1) in 1.2s
`);
});

test('a job that is all reused, and a run that ends in the middle of a job, leave no fold open', async () => {
  const reused = { ...jobStarted('a'), reused: 'all' } as RunEvent;
  expect(await plain([runStarted(['a']), reused], null)).not.toContain('<');
  const cut = [runStarted(['a']), jobStarted('a'), stepStarted('a', 0, 's'), log('a', 0, 'x\n')];
  const ended = await plain([...cut, runFinished('cancelled')], null);
  expect(ended).toMatch(/<a @0\n> image busybox\n<s @0\n\[\nx\n\]\n>s\n>a\n/);
});

test('lines of one job that have no room are cut: after a success all, after a failure but for the last', async () => {
  const run = (end: Partial<typeof failed>) => [
    ...[runStarted(['a']), jobStarted('a'), stepStarted('a', 0, 's')],
    ...[log('a', 0, lines('first', 200)), log('a', 0, lines('last', 20_000))],
    ...[stepFinished('a', 0, 's', end), jobFinished('a')],
  ];
  const whole = lines('first', 200) + lines('last', 20_000);
  const success = await plain(run({}), 100_000);
  const note =
    /(\d[\d.]* \w+) of lines are not shown, since this log may have no more than 97.7 KiB. The whole: .lockstep\/runs\/r1\/logs\/a.log\n/;
  expect(success).toMatch(note);
  const [, begun = ''] = /\[\n([^]*?)\]\n/.exec(success) ?? [];
  expect(whole.startsWith(begun)).toBe(true);
  expect(begun.length).toBeGreaterThan(10_000);
  expect(success).not.toContain('last 19999\n');
  expect(success).toMatch(/\n>s\n> s: success in 1.2s\n>a\n$/);

  const failure = await plain(run(failed), 100_000);
  const [, first = '', , cut = '', end = ''] =
    /\[\n([^]*?)\]\n(([\d.]+) KiB of lines[^\n]*\n)\[\n([^]*?)\]\n/.exec(failure) ?? [];
  expect(whole.startsWith(first)).toBe(true);
  expect(whole.endsWith(end)).toBe(true);
  expect(end).toMatch(/^last \d+\nlast/);
  expect(((whole.length - first.length - end.length) / 1024).toFixed(1)).toBe(cut);
  for (const text of [success, failure]) expect(costOf(text)).toBeLessThan(100_000);
});

test('lines of several jobs: a step has a line and a note after a success, its end in a fold after a failure', async () => {
  const big = lines('x', 20_000);
  const text = await plain(
    [
      ...[runStarted(['a', 'b']), stepStarted('a', 0, 's'), stepStarted('b', 0, 's')],
      ...[log('a', 0, big), log('b', 0, big), stepFinished('a', 0, 's'), stepFinished('b', 0, 's', failed)],
      ...[stepStarted('a', 1, 'small'), log('a', 1, 'few\n'), stepFinished('a', 1, 'small')],
    ],
    200_000,
  );
  expect(text).toMatch(
    /\na > s: success in 1.2s\n145.4 KiB of lines are not shown, since [^\n]*logs\/a.log\n<b: s: failure/,
  );
  expect(text).toMatch(
    /\n<b: s: failure[^\n]*\n[\d.]+ KiB of lines are not shown[^\n]*logs\/b.log\n\[\nx \d+\n[^]*x 19999\n\]\n>b: s[^\n]*\nb > s: failure/,
  );
  expect(text).toContain('\n[\nfew\n]\n');
});

test('thousands of steps and of failures: the end is whole but for what has no room, and the verdict is the last word', async () => {
  const jobs = Array.from({ length: 3000 }, (_, at) => `job-${at}`);
  const text = await plain(
    [
      runStarted(jobs),
      ...jobs.flatMap((job) => [
        ...[
          jobStarted(job),
          stepStarted(job, 0, 's'),
          log(job, 0, 'why\n'),
          stepFinished(job, 0, 's', failed),
        ],
        jobFinished(job, { status: 'failure', reason: 'step-failed' }),
      ]),
      runFinished('failure'),
    ],
    200_000,
  );
  expect(costOf(text)).toBeLessThan(200_000);
  const quiet = text.match(/nothing more is shown before the end of the run/g);
  expect(quiet).toHaveLength(1);
  expect(text).toMatch(/\nfailed: job-0, s: exit 1/);
  expect(text).toMatch(/\nand 2,\d\d\d more\n\nfailure in [^]*\nresult sha256:[0-9a-f]{64}\n$/);
  expect(text.match(/^</gm)?.length).toBe(text.match(/^>(?! )/gm)?.length);
});

test('whatever comes, the log is within its limit, folds are balanced and the verdict is there', async () => {
  const word = fc.string({ maxLength: 30 });
  const job = fc.constantFrom<string>('a', 'b');
  const some = fc.oneof(
    fc.record({ kind: fc.constant('start' as const), job, name: word }),
    fc.record({
      kind: fc.constant('log' as const),
      job,
      text: word,
      times: fc.integer({ min: 1, max: 3000 }),
    }),
    fc.record({ kind: fc.constant('end' as const), job, fails: fc.boolean() }),
    fc.record({ kind: fc.constant('notice' as const), job, text: word }),
  );
  const cases = fc.record({
    jobs: fc.constantFrom<string[]>(['a'], ['a', 'b']),
    limit: fc.integer({ min: 20_000, max: 300_000 }),
    steps: fc.array(some, { maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ jobs, limit, steps }) => {
      const at = new Map<string, number>();
      const open = new Set<string>();
      const ends: RunEvent[] = jobs.map((name) => jobFinished(name));
      const events = steps.flatMap((step): RunEvent[] => {
        if (!jobs.includes(step.job)) return [];
        const place = at.get(step.job) ?? 0;
        switch (step.kind) {
          case 'notice':
            return [{ type: 'notice', level: 'warning', code: 'c', message: step.text, job: step.job }];
          case 'start':
            if (open.has(step.job)) return [];
            open.add(step.job);
            return [stepStarted(step.job, place, step.name)];
          case 'log':
            return open.has(step.job) ? [log(step.job, place, `${step.text}\n`.repeat(step.times))] : [];
          case 'end':
            if (!open.delete(step.job)) return [];
            at.set(step.job, place + 1);
            return [stepFinished(step.job, place, 'n', step.fails ? failed : {})];
        }
      });
      for (const name of open) ends.unshift(stepFinished(name, at.get(name) ?? 0, 'n'));
      const text = await shown(
        [
          runStarted(jobs),
          ...jobs.map((name) => jobStarted(name)),
          ...events,
          ...ends,
          runFinished('success'),
        ],
        limit,
      );
      expect(costOf(text)).toBeLessThanOrEqual(limit);
      expect(text).not.toContain('NOTHING');
      expect(text).toMatch(/result sha256:[0-9a-f]{64}\n$/);
    }),
    { numRuns: 150 },
  );
});

test('held lines: all as long as they may be shown, then no more than their end', () => {
  const held = createHeldLines(10_000);
  held.push(Buffer.from('one\n'));
  expect(held.cost()).toBe(44);
  expect(Buffer.concat([...held.drain()]).toString()).toBe('one\n');

  const much = createHeldLines(10_000);
  const piece = Buffer.from(`${'x'.repeat(1023)}\n`);
  for (let count = 0; count < 2000; count++) much.push(piece);
  much.push(Buffer.from('end\n'));
  expect([much.bytes(), much.cost()]).toEqual([2000 * 1024 + 4, Infinity]);
  const end = much.end();
  expect(end.length).toBeGreaterThanOrEqual(keptBytes);
  expect(end.length).toBeLessThan(keptBytes + 1024);
  expect(Buffer.from(end).toString().endsWith('x\nend\n')).toBe(true);
});
