// The bytes a step left in $LOCKSTEP_OUTPUT → names and values.
import { fail, ok, type Outcome } from '../src/model/failure.ts';

const name = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/**
 * `name=value` lines, and `name<<END` … `END` for values of several lines. Failure `invalid-output`, kind `pipeline`;
 * `mask`: what may be shown of a line.
 */
export function parseStepOutputs(
  bytes: Uint8Array,
  mask: (line: string) => string,
): Outcome<Readonly<Record<string, string>>> {
  const lines = new TextDecoder().decode(bytes).split('\n');
  const outputs = new Map<string, string>();
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(/\r$/, '');
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    const isHeredoc = heredoc >= 0 && (equals < 0 || heredoc < equals);
    const split = isHeredoc ? heredoc : equals;
    const key = line.slice(0, Math.max(split, 0));
    if (!name.test(key))
      return invalid(at, `expected 'name=value' or 'name<<END', found '${mask(line).slice(0, 80)}'`);
    if (!isHeredoc) {
      outputs.set(key, line.slice(equals + 1));
      continue;
    }
    const end = line.slice(heredoc + 2).trim();
    const close =
      end === '' ? -1 : lines.findIndex((text, index) => index > at && text.replace(/\r$/, '') === end);
    if (close < 0)
      return invalid(at, end === '' ? `'${key}<<' names no end word` : `'${key}<<${end}' is never closed`);
    outputs.set(key, lines.slice(at + 1, close).join('\n'));
    at = close;
  }
  return ok(Object.fromEntries(outputs));
}

const invalid = (at: number, what: string) =>
  fail('pipeline', 'invalid-output', `line ${at + 1} of $LOCKSTEP_OUTPUT: ${what}`, {
    hint: 'write `echo "name=value" >> "$LOCKSTEP_OUTPUT"`, with a name of letters, digits, _ and -',
  });
