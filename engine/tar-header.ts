// One entry of a tree → the 512-byte blocks that go before its content in a tar stream (ustar, pax where ustar ends).
import type { Owner } from '../src/contract/sandbox.ts';

export const BLOCK = 512;

/** Every file's and folder's time, in Unix seconds: the same as `SOURCE_DATE_EPOCH` in a step. */
const MTIME = 946_684_800;

/** Name and target as bytes; `size` is the content's. */
export interface Header {
  readonly type: 'file' | 'link' | 'folder';
  readonly name: Buffer;
  readonly executable: boolean;
  readonly target: Buffer;
  readonly size: number;
}

/** What fits into 11 and 7 octal digits. */
const MAX_SIZE = 0o77777777777;
const MAX_ID = 0o7777777;
const MAX_TEXT = 100;

const PAX_NAME = Buffer.from('pax');
const NONE = Buffer.alloc(0);

/** Names are bytes in ustar, so pax records are only for what is too long or too large. */
export function tarHeader(header: Header, owner: Owner): Buffer {
  const { name, target, size } = header;
  const records = [
    ...(name.length > MAX_TEXT ? [record('path', name)] : []),
    ...(target.length > MAX_TEXT ? [record('linkpath', target)] : []),
    ...(size > MAX_SIZE ? [record('size', Buffer.from(String(size)))] : []),
    ...(owner.uid > MAX_ID ? [record('uid', Buffer.from(String(owner.uid)))] : []),
    ...(owner.gid > MAX_ID ? [record('gid', Buffer.from(String(owner.gid)))] : []),
  ];
  const main = block({ ...header, flag: FLAGS[header.type] }, owner);
  if (records.length === 0) return main;
  const pax = Buffer.concat(records);
  const before = block(
    { flag: 'x', name: PAX_NAME, target: NONE, executable: false, size: pax.length },
    owner,
  );
  return Buffer.concat([before, pax, Buffer.alloc(padding(pax.length)), main]);
}

const FLAGS = { file: '0', link: '2', folder: '5' } as const;

/** Bytes from the end of a content of this size to the next block. */
export const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function block(header: Omit<Header, 'type'> & { readonly flag: string }, owner: Owner): Buffer {
  const { flag, name, target, executable, size } = header;
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    bytes.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  };
  name.copy(bytes, 0, 0, MAX_TEXT);
  octal(executable || flag === '5' ? 0o755 : 0o644, 100, 7);
  octal(owner.uid > MAX_ID ? 0 : owner.uid, 108, 7);
  octal(owner.gid > MAX_ID ? 0 : owner.gid, 116, 7);
  octal(size > MAX_SIZE ? 0 : size, 124, 11);
  octal(MTIME, 136, 11);
  bytes.write('        ', 148, 'latin1');
  bytes.write(flag, 156, 'latin1');
  target.copy(bytes, 157, 0, MAX_TEXT);
  bytes.write('ustar\u000000', 257, 'latin1');
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

/** `LENGTH KEY=VALUE⏎`, where the length counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  const digits = [1, 2, 3, 4, 5, 6, 7].find((count) => String(rest.length + count).length === count) ?? 8;
  return Buffer.concat([Buffer.from(String(rest.length + digits)), rest]);
}
