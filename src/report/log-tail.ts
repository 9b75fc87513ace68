// The end of a step's log → its last lines, for people who ask why it failed.
import { stripVTControlCharacters } from 'node:util';
import { createLogLines, fromByteText, type ByteText } from './log-lines.ts';
import { fit } from './width.ts';

export const tailBytes = 16 * 1024;
const mostLines = 20;
const mostColumns = 400;

/** Of lines that are safe to show; without colour. One that was cut to `tailBytes` begins somewhere within a line. */
export function lastLines(text: ByteText): readonly string[] {
  const whole = text.length < tailBytes ? text : text.slice(text.slice(0, -1).indexOf('\n') + 1);
  const lines = stripVTControlCharacters(fromByteText(whole)).trimEnd().split('\n').slice(-mostLines);
  return lines.join('') === '' ? [] : lines.map((line) => fit(line, mostColumns));
}

/** Of bytes as a step wrote them, at most `tailBytes`. */
export function lastLinesOf(bytes: Uint8Array): readonly string[] {
  const lines = createLogLines({ color: false });
  return lastLines(lines.push(bytes) + lines.end());
}
