// A text → the ways in which programs write it: percent-encoded, inside a JSON string or XML, quoted for a shell.
import { isUtf8 } from 'node:buffer';

/** What encoders leave alone beside letters and digits; a space first: it becomes `+`. */
const keptByPercentEncoders = [
  "-_.!~*'()", // encodeURIComponent
  "-_.!~*'();/?:@&=+$,#", // encodeURI
  '-_.~', // RFC 3986: curl, jq, PHP's rawurlencode
  '-_.~/', // Python's quote
  '-_./', // the same before 3.7
  ' -_.~', // Go's QueryEscape, Python's quote_plus
  ' -_.*', // forms: URLSearchParams, Java
  ' -_.', // PHP's urlencode
  '-_.~$&+=:@', // Go's PathEscape
  "!$%&'()*+,-._~", // user and password of a WHATWG URL
  "!$%&'()*+,-./:;=@[\\]_|~", // its path
  '', // everything but letters and digits
];

/** For bytes that are no text. */
const keptOfBytes = ['-_.~', ' -_.*', ''];

/** `text` has one character for each byte. */
const percentForms = (text: string, encoders: readonly string[]): string[] => {
  const encoded = (char: string) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  const both = (write: (encode: (char: string) => string) => string) => [
    write(encoded),
    write((char) => encoded(char).toUpperCase()),
  ];
  return [
    ...encoders.flatMap((kept) =>
      both((encode) =>
        text.replace(/[^A-Za-z0-9]/g, (char) =>
          !kept.includes(char) ? encode(char) : char === ' ' ? '+' : char,
        ),
      ),
    ),
    ...both((encode) => text.replace(/[^]/g, encode)),
  ];
};

const shortJson: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
};

/** What serialisers write as `\uXXXX` beyond the need. */
const spelledOutInJson = [
  /(?!)/, // JSON.stringify, Jackson
  /[\x7f-\uffff]/, // Python, PHP
  /[<>&\u2028\u2029]/, // Go
  /[<>&='\u2028\u2029]/, // Gson
  /["'&+<>`\x7f-\uffff]/, // .NET
];

const jsonForms = (text: string): string[] =>
  spelledOutInJson.flatMap((spelled) =>
    [false, true].flatMap((upper) => {
      const spell = (unit: string) => {
        const digits = unit.charCodeAt(0).toString(16).padStart(4, '0');
        return `\\u${upper ? digits.toUpperCase() : digits}`;
      };
      const written = text.replace(/[^a-zA-Z0-9 /]/g, (unit) => {
        if (spelled.test(unit)) return spell(unit);
        return shortJson[unit] ?? (unit < ' ' ? spell(unit) : unit);
      });
      return [written, written.replaceAll('/', '\\/')];
    }),
  );

const ansiC: Readonly<Record<string, string>> = {
  "'": "\\'",
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\E',
};

/** Between `$'` and `'`, as bash writes it. */
const ansiCQuoted = (text: string, isPrinted: (char: string) => boolean) =>
  text.replace(
    /[^a-zA-Z0-9]/g,
    (char) =>
      ansiC[char] ?? (isPrinted(char) ? char : `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`),
  );

const shellForms = (text: string): string[] => [
  text.replaceAll("'", "'\\''"),
  text.replaceAll("'", `'"'"'`), // Python's shlex
  text.replace(/['!]/g, "'\\$&'"), // git
  text.replace(/[\\"$`]/g, '\\$&'), // between double quotes
  text.replace(/[ \t!"$&'()*,;<>?[\\\]^`{|}]/g, '\\$&'), // bash's printf %q
  text.replace(/[^\w\-.,:+/@\n]/gu, '\\$&').replaceAll('\n', "'\n'"), // Ruby
];

const xml: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Ways to write `"` and `'`: as they are in XML's text, else as in its attributes and in HTML. */
const xmlQuotes: readonly Readonly<Record<string, string>>[] = [
  {},
  { '"': '&quot;' },
  { '"': '&quot;', "'": '&apos;' },
  { '"': '&quot;', "'": '&#39;' },
  { '"': '&quot;', "'": '&#x27;' }, // Python's html
  { '"': '&#34;', "'": '&#39;' }, // Go
];

/** Test reports are XML. */
const xmlForms = (text: string): string[] =>
  xmlQuotes.map((quotes) => text.replace(/[&<>"']/g, (char) => xml[char] ?? quotes[char] ?? char));

/** Every known way to write the bytes, without the quotes around it; the bytes themselves and doubles may be among them. */
export const escapedForms = (bytes: Buffer): Buffer[] => {
  const encoding = isUtf8(bytes) ? 'utf8' : 'latin1';
  // No shell takes NUL, no JSON what is not UTF-8.
  const isBinary = encoding === 'latin1' && bytes.includes(0);
  const text = bytes.toString(encoding);
  const single = bytes.toString('latin1');
  const printed = (char: string) => char >= ' ' && char < '\x7f';
  return [
    ...(isBinary ? [] : [...jsonForms(text), ...shellForms(text), ...xmlForms(text)]).map((form) =>
      Buffer.from(form, encoding),
    ),
    ...[
      ...percentForms(single, isBinary ? keptOfBytes : keptByPercentEncoders),
      ansiCQuoted(single, printed),
      ansiCQuoted(single, (char) => printed(char) || char > '\x7f'),
    ].map((form) => Buffer.from(form, 'latin1')),
  ];
};
