// A tar stream → its entries one after another (ustar, pax and GNU headers). Nothing in it is trusted.
// Own code, since tar-stream reads pax names as UTF-8, so that others are lost, and takes a cut stream for a whole one.
import { decodePath } from '../src/model/path-bytes.ts';
import { BLOCK, padding } from './tar-header.ts';

/** `broken` is the last one: what follows cannot be told. */
export type TarItem = TarEntry | { readonly type: 'broken'; readonly message: string };

export interface TarEntry {
  /** `other`: devices, pipes and whatever else. */
  readonly type: 'file' | 'folder' | 'link' | 'hard-link' | 'other';
  /** As in the archive, in any bytes. */
  readonly name: string;
  /** Of the two kinds of links, else ''. */
  readonly target: string;
  readonly executable: boolean;
  readonly size: number;
  /** Of a file. To be read before the next entry is asked for; what is left unread is skipped. Cut short when the stream is. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Far above any path; a header is held in memory. */
const MAX_HEADER = 1 << 20;

/** Rejects only with what `stream` rejects with. */
export async function* readTar(stream: AsyncIterable<Uint8Array>): AsyncGenerator<TarItem, void, undefined> {
  const bytes = new ByteReader(stream);
  let extended: Extended = {};
  try {
    for (;;) {
      const block = await bytes.take(BLOCK);
      if (block === null) return yield broken('it ends without an end mark');
      if (block.every((byte) => byte === 0)) break;
      const raw = parseBlock(block);
      if (typeof raw === 'string') return yield broken(raw);
      if (HEADERS.has(raw.flag)) {
        if (raw.size > MAX_HEADER) return yield broken('a header is larger than 1 MiB');
        const content = await bytes.take(raw.size + padding(raw.size));
        if (content === null) return yield broken('it ends in a header');
        const read = extend(extended, raw.flag, content.subarray(0, raw.size));
        if (typeof read === 'string') return yield broken(read);
        extended = read;
        continue;
      }
      const entry = toEntry(raw, extended);
      extended = {};
      if (typeof entry === 'string') return yield broken(entry);
      let left = entry.size;
      const content = async function* (): AsyncGenerator<Uint8Array> {
        while (left > 0) {
          const part = await bytes.some(left);
          if (part === null) return;
          left -= part.length;
          yield part;
        }
      };
      yield { ...entry, content: content() };
      // Whoever reads may take a part of the content, or none, and a tar has no other way to the next header.
      if (!(await bytes.skip(left + padding(entry.size))))
        return yield broken(`it ends within '${entry.name}'`);
    }
    await bytes.drain();
  } finally {
    await bytes.close();
  }
}

const broken = (message: string): TarItem => ({ type: 'broken', message });

/** What pax and GNU headers say of the entry that follows. */
interface Extended {
  readonly name?: Buffer;
  readonly target?: Buffer;
  readonly size?: number;
}

/** Pax for one entry, pax for all that follow (of no use here), GNU's long name and long link. */
const HEADERS = new Set(['x', 'g', 'L', 'K']);

interface RawHeader {
  readonly flag: string;
  readonly name: Buffer;
  readonly target: Buffer;
  readonly mode: number;
  readonly size: number;
}

function parseBlock(block: Buffer): RawHeader | string {
  const flag = String.fromCharCode(block.readUInt8(156)).replace('\0', '0');
  if (readNumber(block.subarray(148, 156)) !== checksum(block)) return 'a header does not match its checksum';
  const size = readNumber(block.subarray(124, 136));
  const mode = readNumber(block.subarray(100, 108));
  if (size === null || mode === null) return 'a header has a number that is none';
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? untilNul(block.subarray(345, 500)) : Buffer.alloc(0);
  const name = untilNul(block.subarray(0, 100));
  return {
    flag,
    name: prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name,
    target: untilNul(block.subarray(157, 257)),
    mode,
    size,
  };
}

/** The sum of all bytes, with spaces in the place of the sum itself. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (const byte of block) sum += byte;
  for (const byte of block.subarray(148, 156)) sum -= byte;
  return sum;
}

const untilNul = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
};

/** Octal digits between spaces and NULs, or GNU's base 256. Null: neither, or no number that JavaScript holds exactly. */
function readNumber(field: Buffer): number | null {
  if ((field[0] ?? 0) === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : null;
  }
  const [, digits] = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1')) ?? [];
  return digits === undefined ? null : Number.parseInt(digits || '0', 8);
}

function extend(extended: Extended, flag: string, content: Buffer): Extended | string {
  if (flag === 'L') return { ...extended, name: untilNul(content) };
  if (flag === 'K') return { ...extended, target: untilNul(content) };
  return flag === 'x' ? readPax(extended, content) : extended;
}

function readPax(before: Extended, content: Buffer): Extended | string {
  let extended = before;
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(' ', at);
    const length = space < 0 ? 0 : Number(content.toString('latin1', at, space));
    const record = content.subarray(space + 1, at + length - 1);
    const equals = record.indexOf('=');
    const isWhole = at + length <= content.length && content[at + length - 1] === 0x0a;
    if (!Number.isInteger(length) || length < 5 || !isWhole || equals < 0) return 'a pax header is malformed';
    const key = record.toString('latin1', 0, equals);
    const value = record.subarray(equals + 1);
    if (key === 'path') extended = { ...extended, name: value };
    if (key === 'linkpath') extended = { ...extended, target: value };
    if (key === 'size') extended = { ...extended, size: Number(value.toString('latin1')) };
    // Its content is a map of what the real file holds: not to be taken for the file.
    if (key.startsWith('GNU.sparse.')) return 'it holds a sparse file';
    at += length;
  }
  return extended;
}

function toEntry(raw: RawHeader, extended: Extended): Omit<TarEntry, 'content'> | string {
  const name = decodePath(extended.name ?? raw.name);
  const target = decodePath(extended.target ?? raw.target);
  const type = typeOf(raw.flag, name);
  const hasContent = type === 'file' || !'123456'.includes(raw.flag);
  const size = hasContent ? (extended.size ?? raw.size) : 0;
  if (name.includes('\0') || target.includes('\0')) return 'a name holds a NUL';
  if (!Number.isSafeInteger(size) || size < 0) return 'a size is no number';
  return { type, name, target, executable: (raw.mode & 0o100) !== 0, size };
}

function typeOf(flag: string, name: string): TarEntry['type'] {
  switch (flag) {
    case '0':
    case '7':
      return name.endsWith('/') ? 'folder' : 'file';
    case '1':
      return 'hard-link';
    case '2':
      return 'link';
    case '5':
      return 'folder';
    default:
      return 'other';
  }
}

/** Takes a stream apart at places of the reader's choice. Owns the stream: `close` when done. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Between 1 and `most` bytes; null at the end. */
  async some(most: number): Promise<Buffer | null> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return null;
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const part = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }

  /** Exactly so many bytes; null when there are not as many. */
  async take(count: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0;) {
      const part = await this.some(left);
      if (part === null) return null;
      if (part.length === count) return part;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** False when there are not as many. */
  async skip(count: number): Promise<boolean> {
    for (let left = count; left > 0;) {
      const part = await this.some(left);
      if (part === null) return false;
      left -= part.length;
    }
    return true;
  }

  async drain(): Promise<void> {
    while ((await this.some(Infinity)) !== null);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
