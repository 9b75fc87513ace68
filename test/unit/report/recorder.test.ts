import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogStream } from '../../../src/model/event.ts';
import { createRecorder } from '../../../src/report/recorder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-recorder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const recorder = (failed: (error: unknown) => void = () => undefined) =>
  createRecorder(join(folder, 'events.jsonl'), (job) => join(folder, `${job}.log`), failed);
const log = (job: string, stream: LogStream, bytes: string | Buffer) =>
  ({ type: 'log', job, step: 0, stream, chunk: Buffer.from(bytes) }) as const;
const lines = (): unknown[] =>
  readFileSync(join(folder, 'events.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

test('the log file has the bytes of both streams in their order, the events say where', async () => {
  const { emit, close } = recorder();
  const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await emit(log('a', 'stdout', 'one\n'));
  await emit(log('a', 'stderr', binary));
  await emit(log('b', 'stdout', 'other'));
  await close();
  expect(readFileSync(join(folder, 'a.log'))).toEqual(Buffer.concat([Buffer.from('one\n'), binary]));
  expect(readFileSync(join(folder, 'b.log'), 'utf8')).toBe('other');
  expect(lines()).toEqual([
    { type: 'log', job: 'a', step: 0, stream: 'stdout', offset: 0, bytes: 4 },
    { type: 'log', job: 'a', step: 0, stream: 'stderr', offset: 4, bytes: 256 },
    { type: 'log', job: 'b', step: 0, stream: 'stdout', offset: 0, bytes: 5 },
  ]);
});

test('a job that says nothing has an empty log', async () => {
  const { emit, close } = recorder();
  await emit({ type: 'job-started', job: 'a', at: 0, attempt: 1, image: 'x', steps: [], reused: 'none' });
  await close();
  expect(readFileSync(join(folder, 'a.log'), 'utf8')).toBe('');
});

test('much at once is all written, and the sender is asked to wait', async () => {
  const { emit, close } = recorder();
  const chunk = Buffer.alloc(100_000, 'x');
  let waits = 0;
  for (let sent = 0; sent < 50; sent += 1) {
    const wait = emit(log('a', 'stdout', chunk));
    if (wait !== undefined) waits += 1;
    await wait;
  }
  await close();
  expect(readFileSync(join(folder, 'a.log'))).toHaveLength(5_000_000);
  expect(waits).toBeGreaterThan(0);
});

test('the first write error is told once, and nothing hangs', async () => {
  const errors: unknown[] = [];
  const { emit, close } = createRecorder(
    join(folder, 'missing', 'events.jsonl'),
    (job) => join(folder, 'missing', `${job}.log`),
    (error) => errors.push(error),
  );
  await emit(log('a', 'stdout', 'x'));
  await emit(log('a', 'stdout', 'y'));
  await close();
  expect(errors.length).toBeGreaterThan(0);
  expect(errors[0]).toMatchObject({ code: 'ENOENT' });
});
