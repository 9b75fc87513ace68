// The text of a git config file → the credentials in it, and the text without them.
// https://git-scm.com/docs/git-config#_syntax
import {
  addressCredentials,
  credentialsIn,
  secretsIn,
  withoutAddressCredentials,
  withoutCredentials,
} from '../src/model/url-credentials.ts';

/** `key = value`, with what stands before it on its line (a section, a comment's mark) and its lines' ends. */
const entries =
  /^([ \t#;]*(?:\[(?:"(?:\\.|[^"\\\n])*"|[^\]"\n])*\][ \t]*)?)([a-z][a-z0-9-]*)([ \t]*=)((?:\\(?:\r\n|[^])|[^\\\n])*)\n?/gim;

/** The values to mask: of URLs, of headers that authorize, of passwords and tokens. */
export const configCredentials = (text: string): string[] => [
  ...new Set([
    // A section may be named after a URL.
    ...credentialsIn(text),
    ...Array.from(text.matchAll(entries), ([, , key = '', , value = '']) => [
      ...inUrls(key, plainValue(value)),
      ...secretValues(key, plainValue(value)),
    ]).flat(),
  ]),
];

/** Users and passwords cut out of URLs, lines that are secrets of themselves left out, the rest as it was. */
export const withoutConfigCredentials = (text: string): string =>
  withoutCredentials(
    text.replace(entries, (whole, before: string, key: string, equals: string, value: string) => {
      // Of a URL that goes on over a line's end the cut below would miss a part.
      const uncut = credentialsIn(plainValue(withoutCredentials(value)));
      if (uncut.length > 0 || secretValues(key, plainValue(value)).length > 0)
        return before.trim() === '' ? '' : `${before.trimEnd()}\n`;
      return isProxy(key) ? withProxy(whole, before + key + equals, value) : whole;
    }),
  );

const isProxy = (key: string): boolean => /^proxy$/i.test(key);

const inUrls = (key: string, value: string): string[] =>
  isProxy(key) ? addressCredentials(value) : credentialsIn(value);

/** A value that had to be quoted is not written again as it was, but means the same. */
function withProxy(whole: string, before: string, value: string): string {
  const address = plainValue(value);
  const clean = withoutAddressCredentials(address);
  return clean === address ? whole : `${before} ${clean}\n`;
}

/** What is secret of a value by its key alone. */
function secretValues(key: string, value: string): string[] {
  if (/^extraheader$/i.test(key)) return headerSecrets(value);
  // A helper may be a line of shell that has the password in it, and not in a variable.
  if (/^helper$/i.test(key)) return value.match(/(?<=password=["']?)[^\s;"'\\$]+/g) ?? [];
  return /^(?:pass|password|smtppass|.*token|.*secret)$/i.test(key) && value !== '' ? [value] : [];
}

const secretHeader = /auth|token|key|secret|cookie|pass|cred/i;

/** `Authorization: Basic …`, `PRIVATE-TOKEN: …` */
function headerSecrets(header: string): string[] {
  const [, name = '', value = ''] = /^([^:]*):(.*)$/s.exec(header) ?? [];
  if (!secretHeader.test(name)) return [];
  const [, scheme = '', rest = ''] =
    /^\s*(?:(basic|bearer|token|digest|negotiate)\s)?(.*)$/is.exec(value) ?? [];
  const words = rest.split(/\s+/).filter(Boolean);
  if (scheme.toLowerCase() !== 'basic') return words;
  return words.flatMap((word) => [word, ...secretsIn(Buffer.from(word, 'base64').toString(), true)]);
}

/** As git reads it: without a comment at its end, lines joined, quotes and backslashes taken away. */
const plainValue = (value: string): string =>
  value
    .replace(/(\\[^]|"(?:\\[^]|[^"\\])*")|[#;].*/g, '$1')
    .replace(/\\\r?\n/g, '')
    .replace(/\\([^])|"/g, '$1')
    .trim();
