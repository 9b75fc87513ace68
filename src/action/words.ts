// A line of options as people write it in a shell → its words. Quotes and backslashes count; nothing is replaced.
import { fail, ok, type Outcome } from '../model/failure.ts';

/** Failure (`usage`): `invalid-input`, for a quote that is left open. */
export function splitWords(text: string): Outcome<readonly string[]> {
  const words: string[] = [];
  const token = /\s+|'([^']*)'|"((?:\\[^]|[^"\\])*)"|\\([^])|([^\s'"\\]+)/gy;
  let word: string | null = null;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null)
      return fail('usage', 'invalid-input', `a quote is left open: ${text.slice(at, at + 40)}`);
    const [whole, single, double, escaped, plain] = match;
    if (/^\s/.test(whole)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + (single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '');
  }
  return ok(word === null ? words : [...words, word]);
}
