import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/model/event.ts';
import { toRecordLine } from '../../../src/report/events-file.ts';
import { createJsonReporter } from '../../../src/report/json.ts';
import { log, runFinished, runStarted, stepFinished, textOf } from './events.ts';

const parse = (events: readonly RunEvent[]): unknown[] =>
  textOf((write) => createJsonReporter((text) => write(Buffer.from(text))), events)
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));

test('events as they are, the last with the digest', () => {
  const events = [runStarted(['a']), runFinished('success')];
  expect(parse(events)).toEqual(events);
});

test('a log event carries text, whole characters, and the rest of a cut one when its step ends', () => {
  const cut = Buffer.from('日本');
  const text = { type: 'log', job: 'a', step: 0, stream: 'stdout' };
  const finished = stepFinished('a', 0, 's');
  expect(
    parse([
      log('a', 0, cut.subarray(0, 2)),
      log('a', 0, 'err\0\n', 'stderr'),
      log('a', 0, cut.subarray(2, 5)),
      finished,
    ]),
  ).toEqual([
    { ...text, stream: 'stderr', text: 'err\0\n' },
    { ...text, text: '日' },
    { ...text, text: '\ufffd' },
    finished,
  ]);
});

test('the promise of a slow writer reaches the sender', async () => {
  const done = Promise.resolve();
  expect(createJsonReporter(() => done)(runStarted(['a']))).toBe(done);
  await done;
});

test('a line of events.jsonl holds no log bytes but where they are', () => {
  expect(JSON.parse(toRecordLine(log('a', 1, 'é\n'), 17))).toEqual({
    type: 'log',
    job: 'a',
    step: 1,
    stream: 'stdout',
    offset: 17,
    bytes: 3,
  });
  const event = stepFinished('a\n', 0, 'na\nme');
  expect(toRecordLine(event, 5)).not.toContain('\n');
  expect(JSON.parse(toRecordLine(event, 5))).toEqual(event);
});
