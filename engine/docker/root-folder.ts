// The first entry of a tar of `./…` → a tar of that folder alone, under a name. Engines leave owner and mode of the folder
// that they unpack into as they were: this sets them.
import { BLOCK, padding } from '../tar-header.ts';

export interface Peeked {
  /** Null: the tar does not begin with its root. */
  readonly root: Buffer | null;
  /** All of the tar. */
  readonly tar: AsyncIterable<Uint8Array>;
}

/** A pax header of a folder is far smaller. */
const maxHeader = 64 * 1024;

/** `name` has less than 100 bytes. */
export async function peekRoot(source: AsyncIterable<Uint8Array>, name: string): Promise<Peeked> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  const has = async (count: number): Promise<boolean> => {
    while (head.length < count) {
      const next = await chunks.next();
      if (next.done === true) return false;
      head = Buffer.concat([head, next.value]);
    }
    return true;
  };
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      yield* { [Symbol.asyncIterator]: () => chunks };
    } finally {
      await chunks.return?.();
    }
  }

  let root: Buffer | null = null;
  for (let at = 0; at < maxHeader && (await has(at + BLOCK));) {
    const block = head.subarray(at, at + BLOCK);
    const flag = block.toString('latin1', 156, 157);
    if (flag === 'x') {
      const size = Number.parseInt(block.toString('latin1', 124, 136), 8);
      at += BLOCK + size + padding(size);
      continue;
    }
    const isRoot = flag === '5' && /^\.\/?\0/.test(block.toString('latin1', 0, 100));
    if (isRoot) root = Buffer.concat([head.subarray(0, at), renamed(block, name), Buffer.alloc(2 * BLOCK)]);
    break;
  }
  return { root, tar: whole() };
}

function renamed(block: Buffer, name: string): Buffer {
  const header = Buffer.from(block);
  header.fill(0, 0, 100);
  header.write(name, 0);
  header.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
