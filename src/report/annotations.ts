// What went wrong in a run → the problems that a CI platform can show at their place. Their messages stand in its log by themselves.
import { stripVTControlCharacters } from 'node:util';
import type { Annotation } from '../contract/log-style.ts';
import type { Notice, StepFinished } from '../model/event.ts';
import type { FailedTest } from '../model/test-report.ts';
import { formatDuration } from './quantity.ts';
import { stepWords } from './wording.ts';

type Level = Annotation['level'];

export function noticeProblem({ job, code, message }: Notice): Annotation {
  return {
    level: 'warning',
    title: job === undefined ? code : `${job}: ${code}`,
    message: job === undefined ? message : `${job}: ${message}`,
  };
}

export function allowedStepProblem(step: StepFinished): Annotation {
  const { job, name, durationMs, failure } = step;
  const words = `${job}, ${name}: ${stepWords(step)} in ${formatDuration(durationMs)}`;
  const why = failure === undefined ? [] : [failure.message];
  return { level: 'warning', title: `${job}: ${name}`, message: [words, ...why].join('\n') };
}

/** Characters; platforms cut a message, and what stands last in a log is what matters. */
const longestMessage = 3500;

/** `head` says what failed, `tail` are the last lines of its log; of those the last that there is room for. */
export function failureProblem(
  level: Level,
  title: string,
  head: readonly string[],
  tail: readonly string[],
): Annotation {
  const before = plain(head);
  let room = longestMessage - before.length;
  const kept: string[] = [];
  for (const line of plain(tail).split('\n').reverse()) {
    room -= line.length + 1;
    if (room < 0) break;
    kept.push(line);
  }
  return { level, title, message: [before, ...kept.reverse()].join('\n').trimEnd() };
}

const plain = (lines: readonly string[]): string => stripVTControlCharacters(lines.join('\n'));

export function testProblem(
  level: Level,
  job: string,
  { name, message, file, line }: FailedTest,
): Annotation {
  const place = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}  `;
  return {
    ...{ level, title: `${job}: ${name}`, message: `${place}${name}\n${message}` },
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
  };
}
