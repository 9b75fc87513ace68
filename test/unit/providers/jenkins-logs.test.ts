// What a step writes, and what Jenkins makes of it.
import { expect, test } from 'vitest';
import { jenkinsLogs } from '../../../providers/jenkins/logs.ts';
import type { RunEvent } from '../../../src/model/event.ts';
import { createFoldedReporter } from '../../../src/report/folded.ts';
import { jenkinsNotes } from '../../rig/jenkins-log.ts';

const at = 1_700_000_000_900;
/** A note as Jenkins writes one, and such that a terminal or an eye would take for it. */
const notes = [
  '\x1b[8mha:////4AAAAAH+LCAAAAAAAAAA=\x1b[0mhidden',
  'before \x1b[8mha:x\x1b[0m after',
  '\x1b[8\x1b[8mmha:x\x1b[0m',
  '\x1b[\x1b[8m8mha:x',
  '\x1b\r[8mha:x',
].join('\n');

async function shown(color: boolean, jobs: readonly string[], ...chunks: readonly string[]): Promise<string> {
  const written: Buffer[] = [];
  const emit = createFoldedReporter({
    ...{ style: jenkinsLogs(color), logBytes: null },
    write: (bytes) => void written.push(Buffer.from(bytes)),
  });
  const step = { job: 'a', step: 0, name: '\x1b[8mha:step', phase: 'steps' } as const;
  const events: RunEvent[] = [
    {
      ...{ type: 'run-started', schema: 1, id: 'r', at, title: 'demo', directory: '.lockstep/runs/r' },
      ...{ jobs, parallel: 2, engine: null },
    },
    { ...step, type: 'step-started', at, attempt: 1, reused: false },
    ...chunks.map((chunk): RunEvent => {
      return { type: 'log', job: 'a', step: 0, stream: 'stdout', chunk: Buffer.from(chunk) };
    }),
    {
      ...{ ...step, type: 'step-finished', at, status: 'success', exitCode: 0, allowedFailure: false },
      ...{ durationMs: 1000, reused: false, savedMs: 0 },
    },
  ];
  for (const event of events) await emit(event);
  return Buffer.concat(written).toString();
}

test.each([
  ['the only job', ['a'], true],
  ['one of two', ['a', 'b'], true],
  ['the only job, without colours', ['a'], false],
])('a note of %s is text, wherever it is cut', async (_, jobs, color) => {
  for (let cut = 0; cut <= notes.length; cut++) {
    const log = await shown(color, jobs, notes.slice(0, cut), notes.slice(cut));
    expect(jenkinsNotes(log), `cut at ${cut}`).toEqual([]);
    expect(log).toContain('hidden');
    expect(log).toContain('after');
  }
});

test('colours are there where Jenkins shows them, and nowhere else', async () => {
  const line = '\x1b[32mgreen\x1b[0m\n';
  expect(await shown(true, ['a'], line)).toContain('\x1b[32mgreen\x1b[0m');
  expect(await shown(false, ['a'], line)).not.toContain('\x1b');
  expect(await shown(false, ['a', 'b'], line)).not.toContain('\x1b');
});

test('a title is a line', () => {
  expect(jenkinsLogs(true).open('a\nb', at)).toBe('\x1b[1ma b\x1b[0m\n');
  expect(jenkinsLogs(false).open('a', at, true)).toBe('a\n');
});
