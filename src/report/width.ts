// Text → the columns it takes on a terminal, and text cut or padded to a number of columns.
import { stripVTControlCharacters } from 'node:util';

const narrow = /^[\x20-\x7e]*$/;
const empty = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]*$/u;
// East Asian wide and fullwidth blocks, and what is shown as an emoji by default or by U+FE0F.
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1aff0}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;

let segmenter: Intl.Segmenter | undefined;

/** What a reader takes for one character: a letter with its accents, a whole emoji. */
function* graphemes(text: string): Generator<{ readonly text: string; readonly width: number }> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) {
    yield { text: segment, width: empty.test(segment) ? 0 : wide.test(segment) ? 2 : 1 };
  }
}

/** Columns; escape sequences take none. */
export function textWidth(text: string): number {
  if (narrow.test(text)) return text.length;
  let width = 0;
  for (const grapheme of graphemes(stripVTControlCharacters(text))) width += grapheme.width;
  return width;
}

/** At most so many columns of a text without escape sequences; what was cut away shows as `...`. */
export function fit(text: string, columns: number, keep: 'start' | 'end' = 'start'): string {
  // No UTF-16 unit takes more than two columns, and measuring a line of megabytes is not free.
  if (2 * text.length <= columns || (text.length <= 8 * columns && textWidth(text) <= columns)) return text;
  const near = keep === 'start' ? text.slice(0, 8 * columns) : text.slice(-8 * columns);
  const all = [...graphemes(near)];
  if (keep === 'end') all.reverse();
  const kept: string[] = [];
  let room = Math.max(0, columns - 3);
  for (const grapheme of all) {
    room -= grapheme.width;
    if (room < 0) break;
    kept.push(grapheme.text);
  }
  return keep === 'start' ? `${kept.join('')}...` : `...${kept.reverse().join('')}`;
}

export function pad(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, columns - textWidth(text)));
  return align === 'left' ? text + space : space + text;
}
