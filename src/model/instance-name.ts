// A job and one combination of its matrix → the name of the instance, and the name of its files.
import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from './json.ts';
import type { MatrixValues } from './plan.ts';

/** `test[node=22]`, `t[os=x,v=2]`; the bare name where there are no values. */
export function instanceName(job: string, values: MatrixValues): string {
  const pairs = Object.entries(values).map(([key, value]) => `${key}=${matrixText(value)}`);
  return pairs.length === 0 ? job : `${job}[${pairs.join(',')}]`;
}

/** The job an instance belongs to: `test` of `test[node=22]`. */
export const instanceJob = (instance: string): string => instance.replace(/\[[^]*$/, '');

/** A matrix value as people and `--matrix` write it. */
export function matrixText(value: JsonValue): string {
  if (value === null) return '';
  return typeof value === 'object' ? canonicalJson(value) : String(value);
}

/** Whether a combination has every value that was asked for. */
export const matrixOf = (values: MatrixValues, only: Readonly<Record<string, string>>): boolean =>
  Object.entries(only).every(
    ([key, text]) => Object.hasOwn(values, key) && matrixText(values[key] ?? null) === text,
  );

/** A file system takes 255 bytes; this leaves room for an extension. */
const longest = 200;

/** Percent-encoded but for letters, digits, `_`, `-` and `.`; a name too long for a file system ends in its digest. */
export function instanceFileName(name: string): string {
  const encoded = [...Buffer.from(name)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (encoded.length <= longest) return encoded;
  return `${encoded.slice(0, longest - 65).replace(/%.?$/, '')}.${createHash('sha256').update(name).digest('hex')}`;
}
