import { describe, expect, test } from 'vitest';
import { gitlabLogs } from '../../../providers/gitlab/logs.ts';
import type { RunEvent } from '../../../src/model/event.ts';
import { createFoldedReporter } from '../../../src/report/folded.ts';
import { readGitlabLog } from '../../rig/gitlab-log.ts';

const at = 1_700_000_000_900;

test('a fold is a section, collapsed when all is well in there, with seconds as times', () => {
  const style = gitlabLogs();
  expect(style.open('build', at)).toBe(
    `\x1b[0Ksection_start:1700000000:lockstep_${String(at)}_1\r\x1b[0Kbuild\n`,
  );
  expect(style.close(at + 200)).toBe(`\x1b[0Ksection_end:1700000001:lockstep_${String(at)}_1\r\x1b[0K\n`);
  expect(style.open('test', at, true)).toContain(':lockstep_1700000000900_2[collapsed=true]\r');
});

test('GitLab reads them so', () => {
  const style = gitlabLogs();
  const log = [
    ...[style.open('job: a', at), 'one\n', style.open('step', at, true), 'two\n', style.close(at + 2000)],
    ...['three\n', style.close(at + 3000), 'four\n'],
  ];
  const { sections, lines, oddities } = readGitlabLog(log.join(''));
  expect(sections.map(({ title, options, seconds }) => [title, options, seconds])).toEqual([
    ['job: a', '', 3],
    ['step', '[collapsed=true]', 2],
  ]);
  expect(lines.map(({ text, within }) => [text, within.length])).toEqual([
    ...[
      ['job: a', 1],
      ['one', 1],
      ['step', 2],
      ['two', 2],
      ['three', 1],
      ['four', 0],
    ],
  ]);
  expect(oddities).toEqual([]);
});

test('no two sections of a job have one name, though Lockstep runs in it twice', () => {
  const first = gitlabLogs();
  const second = gitlabLogs();
  const log = [first, first, second].map((style, index) => style.open('x', at + index) + style.close(at + 9));
  const names = readGitlabLog(log.join('')).sections.map(({ name }) => name);
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^[a-z0-9-]+$/);
});

test('a close without an open is nothing; problems are told as text', () => {
  const style = gitlabLogs();
  expect(style.close(at)).toBe('');
  expect(style.annotate({ level: 'error', title: 't', message: 'm', file: 'f', line: 1 })).toBe('');
});

describe('section markers in the output of a step', () => {
  const marks = [
    `\x1b[0Ksection_end:1700000000:lockstep_${String(at)}_1\r\x1b[0K`,
    '\x1b[0Ksection_start:1700000000:evil[collapsed=true]\r\x1b[0Kall is well',
    'section_start:1:plain\r\x1b[0K\x1b[0m\r',
    '\x1b[31msection_end:1:x\r\x1b[0K\x1b]0;title\x07\x9b2K',
    '\rwiped\r\rsection_end:1700000000:evil\r\x1b[0K',
  ].join('\n');
  /** Cut at every place, as a pipe may do. */
  const cuts = [...Array(marks.length + 1).keys()];

  const shown = async (jobs: readonly string[], ...chunks: readonly string[]) => {
    const written: Buffer[] = [];
    const emit = createFoldedReporter({
      write: (bytes) => void written.push(Buffer.from(bytes)),
      style: gitlabLogs(),
      logBytes: null,
    });
    const step = { job: 'a', step: 0, name: `\x1b[0Ksection_end:1:x\r\x1b[0Kstep`, phase: 'steps' } as const;
    const events: RunEvent[] = [
      {
        ...{ type: 'run-started', schema: 1, id: 'r', at, title: 'demo', directory: '.lockstep/runs/r' },
        ...{ jobs, parallel: 2, engine: null },
      },
      { ...step, type: 'step-started', at, attempt: 1, reused: false },
      ...chunks.map((chunk): RunEvent => {
        return { type: 'log', job: 'a', step: 0, stream: 'stdout', chunk: Buffer.from(chunk, 'latin1') };
      }),
      {
        ...{ ...step, type: 'step-finished', at, status: 'success', exitCode: 0, allowedFailure: false },
        ...{ durationMs: 1000, reused: false, savedMs: 0 },
      },
    ];
    for (const event of events) await emit(event);
    return readGitlabLog(Buffer.concat(written).toString());
  };

  test.each([
    ['of the only job', ['a']],
    ['of one of two', ['a', 'b']],
  ])('%s get nowhere, however its chunks are cut', async (_, jobs) => {
    for (const cut of cuts) {
      const { sections, lines, oddities } = await shown(jobs, marks.slice(0, cut), marks.slice(cut));
      expect(oddities, `cut at ${String(cut)}`).toEqual([]);
      expect(sections.every(({ name, seconds }) => name.startsWith('lockstep-') && seconds !== null)).toBe(
        true,
      );
      const words = lines.filter(({ text }) => text.includes('all is well'));
      expect(words.map(({ within }) => within.length)).toEqual([sections.length]);
    }
  });
});
