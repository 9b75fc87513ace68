// Files → a zip, also one that is wrong in a chosen way.
import { deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly data: Uint8Array | string;
  readonly stored?: boolean;
  readonly comment?: string;
  /** Only says so. */
  readonly encrypted?: boolean;
  /** Sizes and place in the extra field of 64 bits. */
  readonly zip64?: boolean;
  /** What lies there in place of the deflated data. */
  readonly deflated?: Uint8Array;
  /** Method that the header names. */
  readonly method?: number;
}

export function zip(entries: readonly ZipEntry[], comment = ''): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const { local, central } = zipEntry(entry, at);
    files.push(local);
    directory.push(central);
    at += local.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = numbers(
    'PK\x05\x06',
    [2, 0],
    [2, 0],
    [2, entries.length],
    [2, entries.length],
    [4, size],
    [4, at],
  );
  return Buffer.concat([...files, ...directory, end, numbers('', [2, comment.length]), Buffer.from(comment)]);
}

function zipEntry(entry: ZipEntry, at: number): { local: Buffer; central: Buffer } {
  const name = Buffer.from(entry.name);
  const note = Buffer.from(entry.comment ?? '');
  const plain = Buffer.from(entry.data);
  const isStored = entry.stored === true;
  const content = Buffer.from(entry.deflated ?? (isStored ? plain : deflateRawSync(plain)));
  const method = entry.method ?? (isStored ? 0 : 8);
  const all = 0xffffffff;
  const [packed, size, place] = entry.zip64 === true ? [all, all, all] : [content.length, plain.length, at];
  const extra =
    entry.zip64 === true
      ? numbers('', [2, 1], [2, 24], [8, plain.length], [8, content.length], [8, at])
      : Buffer.alloc(0);
  // Version, flags, method, time, date, checksum (nobody looks), sizes, lengths.
  const same = (extraLength: number): Buffer =>
    numbers(
      '',
      ...([
        [2, 45],
        [2, entry.encrypted === true ? 1 : 0],
        [2, method],
        [2, 0],
        [2, 0x21],
        [4, 0],
      ] as const),
      ...([
        [4, packed],
        [4, size],
        [2, name.length],
        [2, extraLength],
      ] as const),
    );
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), same(0), name, content]);
  const rest = numbers('', [2, note.length], [2, 0], [2, 0], [4, 0], [4, place]);
  const central = [numbers('PK\x01\x02', [2, 45]), same(extra.length), rest, name, extra, note];
  return { local, central: Buffer.concat(central) };
}

/** `[bytes, value]` each, little-endian, after `magic`. */
function numbers(magic: string, ...fields: readonly (readonly [2 | 4 | 8, number])[]): Buffer {
  const parts = fields.map(([bytes, value]) => {
    const field = Buffer.alloc(8);
    field.writeBigUInt64LE(BigInt(value));
    return field.subarray(0, bytes);
  });
  return Buffer.concat([Buffer.from(magic, 'latin1'), ...parts]);
}
