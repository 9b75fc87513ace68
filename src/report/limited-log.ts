// What is to be written to a platform's log → what of it there is room for, in the platform's words.
import type { LogStyle } from '../contract/log-style.ts';
import { instanceFileName } from '../model/instance-name.ts';
import { fitClosing } from './fitted-closing.ts';
import { keptBytes, type HeldLines } from './held-lines.ts';
import { costOf, createLogRoom, linesWithin, type LogRoom } from './log-room.ts';
import { formatBytes, formatCount } from './quantity.ts';
import { visible } from './visible.ts';

export interface LimitedLog {
  /** The run's folder is known: notes name it. */
  readonly begin: (directory: string) => void;
  /** Our words while the run goes on. Once there is no room that is said instead, and nothing more but what ends folds. */
  readonly say: (...texts: readonly string[]) => readonly Uint8Array[];
  readonly isQuiet: () => boolean;
  /** The end of what was begun: there is room for it. */
  readonly finish: (text: string) => readonly Uint8Array[];
  /** The beginning of a step's lines that is shown at once; what is left of them is not shown now. */
  readonly show: (lines: Uint8Array) => { readonly shown: readonly Uint8Array[]; readonly rest: Uint8Array };
  /** All of a step's lines; null where there is no room. */
  readonly whole: (lines: HeldLines) => readonly (Uint8Array | HeldLines)[] | null;
  /** Says of lines of a step that they are not shown, but for the last of them where `withEnd`. */
  readonly cut: (job: string, lines: HeldLines, withEnd: boolean) => readonly Uint8Array[];
  /** The last words of the run. */
  readonly close: (parts: readonly string[]) => readonly Uint8Array[];
  readonly left: LogRoom['left'];
}

export function createLimitedLog(style: LogStyle, logBytes: number | null): LimitedLog {
  const room = createLogRoom(logBytes);
  /** What ends the lines of a step that are being shown. */
  let fenceEnd = '';
  let isQuiet = false;
  let folder = '';

  const finish = (text: string): Uint8Array[] => {
    const bytes = Buffer.from(fenceEnd + text);
    fenceEnd = '';
    room.spend(costOf(bytes));
    return [bytes];
  };
  const note = (what: string, where: string): string =>
    style.say(
      `${what}, since this log may have no more than ${formatBytes(logBytes ?? 0)}. The whole: ${visible(where)}\n`,
    );
  const say: LimitedLog['say'] = (...texts) => {
    if (isQuiet) return [];
    const words = texts.join('');
    if (costOf(Buffer.from(fenceEnd + words)) <= room.left('words')) return finish(words);
    isQuiet = true;
    return finish(note('nothing more is shown before the end of the run', folder));
  };
  return {
    begin: (directory) => (folder = directory),
    say,
    isQuiet: () => isQuiet,
    finish,
    show(lines) {
      const { before, after } = fenceEnd === '' ? style.fence() : { before: '', after: fenceEnd };
      const marks = costOf(Buffer.from(before + after));
      const shown = linesWithin(lines, room.left('lines') - marks, 'start');
      const rest = lines.subarray(shown.length);
      if (shown.length === 0) return { shown: [], rest };
      const pieces = [Buffer.from(before), shown];
      if (logBytes !== null) for (const piece of pieces) room.spend(costOf(piece));
      fenceEnd = after;
      return { shown: pieces, rest };
    },
    whole(lines) {
      const { before, after } = style.fence();
      const [first, last] = [Buffer.from(before), Buffer.from(after)];
      return room.takes('lines', costOf(first) + lines.cost() + costOf(last)) ? [first, lines, last] : null;
    },
    cut(job, lines, withEnd) {
      const { before, after } = style.fence();
      const marks = costOf(Buffer.from(before + after));
      const most = withEnd ? Math.min(keptBytes, room.left('tails') / 2 - marks) : 0;
      const bytes = lines.bytes();
      const end = linesWithin(lines.end(), most, 'end');
      const where = `${folder}/logs/${instanceFileName(job)}.log`;
      const told = say(note(`${formatBytes(bytes - end.length)} of lines are not shown`, where));
      if (end.length === 0 || isQuiet) return told;
      room.spend(marks + costOf(end));
      return [...told, Buffer.from(before), end, Buffer.from(after)];
    },
    close: (parts) =>
      finish(
        fitClosing(parts, room.left('closing') - costOf(Buffer.from(fenceEnd)), (count) =>
          note(`${formatCount(count, 'more problem')} not shown`, `${folder}/summary.md`),
        ),
      ),
    left: room.left,
  };
}
