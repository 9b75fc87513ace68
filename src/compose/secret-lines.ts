// The text of `.lockstep/secrets.env` → names and values, or the line that is wrong, without what stands there.

export type SecretLines =
  | { readonly values: ReadonlyMap<string, Buffer> }
  /** Counted from 1. */
  | { readonly line: number; readonly problem: string };

/**
 * `NAME=value`, one a line; `#` begins a line of comment. A value in single quotes is taken as it is, one in double quotes
 * may have `\n`, `\r`, `\t`, `\"`, `\$` and `\\`; both may go over several lines and have a comment after them. Bytes stay as they are.
 */
export function parseSecretLines(bytes: Buffer): SecretLines {
  const text = bytes.toString('latin1').replace(/^\u00ef\u00bb\u00bf/, '');
  const values = new Map<string, Buffer>();
  const lineAt = (offset: number): number => text.slice(0, offset).split('\n').length;
  for (let at = 0; at < text.length;) {
    const wrong = (problem: string): SecretLines => ({ line: lineAt(at), problem });
    blank.lastIndex = at;
    if (blank.test(text)) {
      at = blank.lastIndex;
      continue;
    }
    assignment.lastIndex = at;
    const name = assignment.exec(text)?.[1];
    if (name === undefined) return wrong('expected NAME=value');
    if (values.has(name)) return wrong('its name was there before');
    const start = assignment.lastIndex;
    const form = text[start] === "'" ? single : text[start] === '"' ? double : plain;
    form.lastIndex = start;
    const value = form.exec(text)?.[1];
    if (form === plain && (value === undefined || /[ \t]#/.test(value)))
      return wrong('a value with # after a space, or with a quote or # at its start, must be quoted');
    if (value === undefined) return wrong('its quote is never closed, or something follows it');
    values.set(name, Buffer.from(form === double ? withoutEscapes(value) : value, 'latin1'));
    at = form.lastIndex;
  }
  return { values };
}

const end = '[ \\t]*(?:#[^\\n]*)?\\r?(?:\\n|$)';
const blank = new RegExp(end, 'y');
const assignment = /[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*/y;
const single = new RegExp(`'([^']*)'${end}`, 'y');
const double = new RegExp(`"([^"\\\\]*(?:\\\\[^][^"\\\\]*)*)"${end}`, 'y');
const plain = /((?:[^ \t\r\n"'#](?:[^\r\n]*[^ \t\r\n])?)?)[ \t]*\r?(?:\n|$)/y;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', $: '$', '\\': '\\' };

const withoutEscapes = (text: string): string =>
  text.replace(/\\([^])/g, (both, letter: string) => escapes[letter] ?? both);
