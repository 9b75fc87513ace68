// Text from users and tools → text that cannot steer a terminal: what is unseen is spelt out.

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

// Controls, lone surrogates, line separators, and the marks that reorder text (they make a name lie about itself).
const unseen = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** One line, safe to print: a newline becomes `\n`, an escape `\x1b`, a right-to-left override `\u{202e}`. */
export const visible = (text: string): string =>
  text.replace(unseen, (mark) => {
    const code = (mark.codePointAt(0) ?? 0).toString(16);
    return named[mark] ?? (code.length < 3 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`);
  });

/** Lines of a text, each made visible; tabs become spaces, empty lines at the end go. */
export const visibleLines = (text: string): string[] =>
  text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => visible(line.replaceAll('\t', '    ')));
