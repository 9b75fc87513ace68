// Bytes that are shown later, as a whole → held in memory while they are few, in a file without a name when they are many.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const inMemory = 256 * 1024;
const pieceBytes = 1 << 20;

export interface Spool {
  push(bytes: Uint8Array): void;
  /** All of them in order, once; nothing is left then. */
  drain(): Generator<Uint8Array>;
}

export function createSpool(): Spool {
  let held: Uint8Array[] = [];
  let size = 0;
  let file: number | null = null;
  const flush = (): void => {
    file ??= openNameless();
    for (const bytes of held) for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    held = [];
    size = 0;
  };
  return {
    push(bytes) {
      held.push(Buffer.from(bytes));
      size += bytes.length;
      if (size > inMemory) flush();
    },
    *drain() {
      if (file === null) {
        yield* held.splice(0);
        return;
      }
      flush();
      try {
        for (let at = 0; ;) {
          const piece = Buffer.allocUnsafe(pieceBytes);
          const read = readSync(file, piece, 0, pieceBytes, at);
          if (read === 0) return;
          at += read;
          yield piece.subarray(0, read);
        }
      } finally {
        closeSync(file);
        file = null;
      }
    },
  };
}

/** It goes with the process, however that ends. */
function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-log-'));
  try {
    return openSync(join(folder, 'log'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
