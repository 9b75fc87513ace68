import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/model/event.ts';
import { toRecordLine } from '../../../src/report/events-file.ts';
import { readRecordedEvent } from '../../../src/report/recorded-events.ts';
import { jobFinished, jobStarted, log, runStarted, stepFinished } from './events.ts';

const failure = { kind: 'pipeline', code: 'timeout', message: 'm', hint: 'h', cause: 'c' } as const;
const report = { type: 'report-stored', job: 'a', files: ['r'], path: 'p' } as const;
const failures = [
  { name: 'n', message: 'm' },
  { name: 'o', message: 'm', file: 'f', line: 1 },
];

test.each<RunEvent>([
  jobStarted('a'),
  stepFinished('a', 0, 's', { status: 'timeout', failure }),
  stepFinished('a', 1, 's'),
  { type: 'step-summary', job: 'a', step: 0, markdown: '# x' },
  { type: 'artifact-stored', job: 'a', name: 'n', digest: 'd', files: 1, bytes: 2, path: 'p' },
  { type: 'artifact-published', job: 'a', name: 'n', as: 'a.n', url: 'https://example.com/1' },
  { type: 'artifact-published', job: 'a', name: 'n', as: 'a.n' },
  { ...report, kind: 'junit', tests: { tests: 2, failed: 2, skipped: 0, durationMs: 1, failures } },
  { ...report, kind: 'lcov', coverage: { covered: 1, lines: 2 } },
])('$type is read as it was written', (event) =>
  expect(readRecordedEvent(toRecordLine(event, 0))).toEqual(event),
);

test('of a log the place is told, of the end of a job the failure', () => {
  const place = { type: 'log', job: 'a', step: 0, stream: 'stdout', offset: 7, bytes: 4 };
  expect(readRecordedEvent(toRecordLine(log('a', 0, 'text'), 7))).toEqual(place);
  const end = { type: 'job-finished', job: 'a', failure };
  expect(readRecordedEvent(toRecordLine(jobFinished('a', {}, { failure }), 0))).toEqual(end);
});

test.each([
  ...['', 'no json', 'null', '[]', '"x"', '{}', '{"type":"other"}', '['.repeat(100_000)],
  toRecordLine(runStarted(['a']), 0),
  JSON.stringify({ type: 'step-summary', job: 'a', step: -1, markdown: '' }),
  JSON.stringify({ type: 'step-summary', job: 'a', step: 0, markdown: 5 }),
  JSON.stringify({ type: 'log', job: 'a', step: 0, stream: 'stdout', offset: -5, bytes: 1e308 }),
  JSON.stringify({ type: 'artifact-published', job: 'a', name: 'n', as: 'x', url: 'javascript:alert(1)' }),
])('what is none is left out: %.60s', (line) => expect(readRecordedEvent(line)).toBeNull());
