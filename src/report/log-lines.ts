// Bytes of a step's stream, in chunks → whole lines that are safe to show. Works on whole chunks: a log may be a gigabyte.
import { isAscii, isUtf8 } from 'node:buffer';

/** Text whose char codes are bytes (latin1 decoding): it can be searched and joined, and turns back into the same bytes. */
export type ByteText = string;

export const toByteText = (text: string): ByteText => Buffer.from(text, 'utf8').toString('latin1');
export const fromByteText = (text: ByteText): string => Buffer.from(text, 'latin1').toString('utf8');

/** Bytes of the longest line; a longer one is split. */
const LIMIT = 64 * 1024;
const NEWLINE = 10;
const RETURN = 13;
const ESC = '\x1b';

/** Control bytes that a line as it is may not hold: all but tab and newline. */
const controls = [...Array(32).keys(), 127].filter((byte) => byte !== 9 && byte !== NEWLINE);
/** U+0080 to U+009F in UTF-8: some terminals obey them like escape sequences. */
const control1 = /\xc2[\x80-\x9f]/;

// CSI sequences; strings for the terminal (titles, links, clipboard), to their end or the line's; other escapes; controls.
const sequences = new RegExp(
  [
    `(?:${ESC}\\[|\\x9b)[0-?]*[ -/]*[@-~]`,
    `(?:${ESC}[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07${ESC}\\x9c\\r\\n]*(?:\\x07|${ESC}\\\\|\\x9c)?`,
    `${ESC}[ -/]*[0-~]?`,
    '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]',
  ].join('|'),
  'g',
);
// But for the one that hides text, with which a note of Jenkins' begins (`ConsoleNote.PREAMBLE_STR`).
const colour = new RegExp(`^${ESC}\\[(?!8m)[\\d;:]*m$`);
const RESET = `${ESC}[0m`;

export interface LogLines {
  /** The lines that this chunk completes, each with its newline; `''` when there is none yet. */
  push(chunk: Uint8Array): ByteText;
  /** What was held back, as a line of its own. */
  end(): ByteText;
}

/**
 * One stream of one step. UTF-8 comes out whatever goes in: NUL and invalid bytes are U+FFFD; a carriage return ends a line,
 * as a newline does; colours pass when `color` is set; nothing else that a terminal obeys does. Holds back at most 64 KiB.
 */
export function createLogLines(options: { readonly color: boolean }): LogLines {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let afterReturn = false;

  const take = (rest?: Buffer): Buffer => {
    const all =
      rest === undefined ? Buffer.concat(held) : held.length === 0 ? rest : Buffer.concat([...held, rest]);
    held = [];
    heldBytes = 0;
    return all;
  };
  const hold = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    held.push(Buffer.from(bytes));
    heldBytes += bytes.length;
  };

  return {
    push(chunk) {
      let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (afterReturn) {
        const rest = lineBreakRest(bytes);
        if (rest === bytes.length && bytes[rest - 1] !== NEWLINE) return '';
        bytes = bytes.subarray(rest);
        afterReturn = false;
      }
      const end = Math.max(bytes.lastIndexOf(NEWLINE), bytes.lastIndexOf(RETURN)) + 1;
      if (end > 0) {
        const lines = take(bytes.subarray(0, end));
        hold(bytes.subarray(end));
        afterReturn = heldBytes === 0 && endsInReturn(lines);
        return showLines(lines, options.color);
      }
      hold(bytes);
      // Three bytes more than a whole line, so that there is a character to cut before.
      if (heldBytes < LIMIT + 3) return '';
      const line = take();
      const cut = characterStart(line, line.length - 3 - ((line.length - 3) % LIMIT));
      hold(line.subarray(cut));
      return showLines(line.subarray(0, cut), options.color);
    },
    end() {
      afterReturn = false;
      return heldBytes === 0 ? '' : showLines(take(), options.color);
    },
  };
}

/** Where a line break ends that began with a carriage return at the end of the chunk before. */
function lineBreakRest(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === RETURN) at++;
  return bytes[at] === NEWLINE ? at + 1 : at;
}

/** Whether a line that is not empty ends in a return: a newline that comes next is part of that end. */
function endsInReturn(lines: Buffer): boolean {
  let at = lines.length;
  while (lines[at - 1] === RETURN) at--;
  return at < lines.length && at > 0 && lines[at - 1] !== NEWLINE;
}

/** The place at or up to three bytes before `at` where a UTF-8 character starts. */
function characterStart(bytes: Buffer, at: number): number {
  for (let start = at; start > at - 4; start--) if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start;
  return at;
}

function showLines(bytes: Buffer, color: boolean): ByteText {
  const raw = bytes.toString('latin1');
  const asIs =
    isUtf8(bytes) &&
    !controls.some((byte) => bytes.includes(byte)) &&
    (isAscii(bytes) || !control1.test(raw));
  const text = asIs ? raw : toByteText(makeSafe(bytes.toString('utf8'), color));
  return splitLong(text.endsWith('\n') || text === '' ? text : `${text}\n`);
}

function makeSafe(text: string, color: boolean): string {
  const safe = text
    .replace(sequences, (match) => (match === '\0' ? '\ufffd' : color && colour.test(match) ? match : ''))
    .replace(/\r{2,}/g, '\r')
    .replaceAll('\r\n', '\n')
    // A progress line that starts with its carriage return has nothing before it to end.
    .replace(/(?<![^\n])\r/g, '')
    .replaceAll('\r', '\n');
  if (!safe.includes(ESC)) return safe;
  // A colour that the step left on must not reach the next line, which may be another job's.
  return safe
    .split('\n')
    .map((line) => (line.includes(ESC) && !line.endsWith(RESET) ? line + RESET : line))
    .join('\n');
}

/** Hops from newline to newline, so that its cost does not depend on the number of lines. */
function splitLong(text: ByteText): ByteText {
  if (text.length <= LIMIT + 1) return text;
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > LIMIT + 1) {
    const window = text.slice(start, start + LIMIT + 1);
    const newline = window.lastIndexOf('\n');
    let end = newline + 1;
    if (newline < 0) {
      end = LIMIT;
      while (end > LIMIT - 4 && (window.charCodeAt(end) & 0xc0) === 0x80) end--;
    }
    pieces.push(window.slice(0, end), newline < 0 ? '\n' : '');
    start += end;
  }
  return pieces.join('') + text.slice(start);
}
