// Bytes of an XML report → its elements. The bytes come from a container: no entity of theirs is ever defined or fetched.
import { fail, ok, type Outcome } from '../model/failure.ts';

/** Attributes under `@name`, the text under `#text`, children under their name. */
export type XmlElement = Readonly<Record<string, unknown>>;

interface XmlReading {
  /** Elements whose content is of no use: not parsed, not kept. */
  readonly skip: readonly string[];
  /** Sees each element as it starts, with its attributes; `false` leaves it out of the tree. */
  readonly visit?: (name: string, attributes: XmlElement) => boolean;
}

interface XmlRoot {
  readonly name: string;
  readonly element: XmlElement;
}

export type ReadXml = (bytes: Uint8Array, reading: XmlReading) => Outcome<XmlRoot>;

/** Loads the parser, which takes too long to do so before a report is there (50 ms). */
export async function loadXmlReader(): Promise<ReadXml> {
  const { XMLParser } = await import('fast-xml-parser');
  return (bytes, { skip, visit }) => {
    const text = decode(bytes);
    if (text === null) return invalidReport('its encoding is not known');
    if (text.trim() === '') return invalidReport('it is empty');
    const clean = withoutDoctype(text);
    if (clean === null) return invalidReport('it defines entities, which are refused');
    const parser = new XMLParser({
      attributeNamePrefix: '@',
      ignoreAttributes: false,
      ignoreDeclaration: true,
      ignorePiTags: true,
      removeNSPrefix: true,
      parseTagValue: false,
      alwaysCreateTextNode: true,
      jPath: false,
      isArray: (_name, _path, _leaf, isAttribute) => !isAttribute,
      entityDecoder: plainEntities,
      stopNodes: skip.map((name) => `..${name}`),
      updateTag: (name, _path, attributes) =>
        !skip.includes(name) && (visit?.(name, attributes) ?? true) ? name : false,
    });
    try {
      return rootOf(parser.parse(clean), clean);
    } catch (error) {
      return invalidReport('it is not well-formed XML', error instanceof Error ? error.message : undefined);
    }
  };
}

export const invalidReport = (why: string, cause?: string): Outcome<never> =>
  fail(
    'pipeline',
    'invalid-report',
    `The report cannot be read: ${why}.`,
    cause === undefined ? {} : { cause },
  );

const isElement = (value: unknown): value is XmlElement => typeof value === 'object' && value !== null;

export const children = (element: XmlElement, name: string): XmlElement[] => {
  const list: unknown = element[name];
  return Array.isArray(list) ? list.filter(isElement) : [];
};

export const attribute = (element: XmlElement, name: string): string | undefined => {
  const value = element[`@${name}`];
  return typeof value === 'string' ? value : undefined;
};

export const textOf = (element: XmlElement): string => {
  const text = element['#text'];
  return typeof text === 'string' ? text : '';
};

function rootOf(tree: unknown, text: string): Outcome<XmlRoot> {
  const document = isElement(tree) ? tree : {};
  const [name, more] = Object.keys(document).filter((key) => key !== '#text');
  const element = name === undefined ? undefined : children(document, name)[0];
  if (name === undefined || element === undefined) return invalidReport('it is not XML');
  if (more !== undefined) return invalidReport('it has more than one root element');
  // The parser takes a file that was cut short for a whole one.
  const end = text
    .slice(-4096)
    .replace(/<!--(?:(?!-->)[^])*-->/g, '')
    .trimEnd();
  const last = /<(?:\/([^\s<>]+)\s*|([^\s<>/]+)[^<]*\/)>$/.exec(end);
  if ((last?.[1] ?? last?.[2])?.split(':').at(-1) !== name) {
    return invalidReport(`it is cut short: no end of <${name}>`);
  }
  return ok({ name, element });
}

/** By its byte order mark, its first zero bytes, its declaration, else UTF-8. Null: a name no decoder knows. */
function decode(bytes: Uint8Array): string | null {
  const [a, b] = bytes;
  const head = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const declared = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1];
  const utf16 =
    (a === 0xff && b === 0xfe) || (a === 0x3c && b === 0)
      ? 'utf-16le'
      : (a === 0xfe && b === 0xff) || (a === 0 && b === 0x3c)
        ? 'utf-16be'
        : undefined;
  // A file that says UTF-16 in single bytes is none.
  const label = utf16 ?? (declared === undefined || /^utf-?16/i.test(declared) ? 'utf-8' : declared);
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return null;
  }
}

/** Istanbul's cobertura files name a DTD, which is never fetched; one with a subset of its own is refused (null). */
function withoutDoctype(text: string): string | null {
  const start = prologEnd(text);
  if (!text.startsWith('<!DOCTYPE', start)) return text;
  const doctype = /^<!DOCTYPE(?:"[^"]*"|'[^']*'|[^[>"'])*>/.exec(text.slice(start, start + 2000))?.[0];
  return doctype === undefined ? null : text.slice(start + doctype.length);
}

/** The first place that is no blank, comment or processing instruction. */
function prologEnd(text: string): number {
  for (let at = 0; ;) {
    while (/\s/.test(text.charAt(at))) at++;
    const close = text.startsWith('<?', at) ? '?>' : text.startsWith('<!--', at) ? '-->' : null;
    if (close === null) return at;
    const end = text.indexOf(close, at);
    if (end < 0) return text.length;
    at = end + close.length;
  }
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** XML's own five entities and numbers; any other stays as it is written. */
const plainEntities = {
  setExternalEntities: (): void => undefined,
  addInputEntities: (): void => {
    throw new Error('entities are refused');
  },
  reset: (): void => undefined,
  setXmlVersion: (): void => undefined,
  decode: (text: string): string =>
    !text.includes('&')
      ? text
      : text.replace(
          /&(?:#x([\da-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi,
          (whole, hex, decimal, name) => {
            if (typeof name === 'string') return named[name.toLowerCase()] ?? whole;
            const code = typeof hex === 'string' ? parseInt(hex, 16) : Number(decimal);
            return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
          },
        ),
};
