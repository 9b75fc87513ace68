// The source root → its lock file: read, and written in one piece.
import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../model/diagnostic.ts';
import { fail, type Failure } from '../model/failure.ts';
import { parseLock, printLock, type Pins } from '../pipeline/lock-file.ts';

export const lockName = 'lockstep.lock';

export interface LockFile {
  /** Empty where there is none, or nothing that can be read. */
  readonly text: string;
  /** Null where there is none, or one with errors. */
  readonly pins: Pins | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Only a plain file is one: what a link leads to is not of this source. */
export async function readLockFile(root: string): Promise<LockFile> {
  const path = join(root, lockName);
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return { text: '', pins: null, diagnostics: [] };
    if (!found.isFile())
      return unreadable(`${lockName} is ${found.isDirectory() ? 'a folder' : 'no plain file'}`);
    if (found.size > mostBytes) return unreadable(`${lockName} is larger than 1 MiB`);
    const bytes = readFileSync(path);
    if (!isUtf8(bytes)) return unreadable(`${lockName} is not UTF-8`);
    const text = bytes.toString();
    return { text, ...(await parseLock({ file: lockName, text })) };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return unreadable(`cannot read ${lockName}: ${error.message}`);
  }
}

/** Far above any number of images. */
const mostBytes = 1024 * 1024;

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error;

function unreadable(message: string): LockFile {
  const hint = 'put a plain file in its place, or remove it and run: lockstep lock';
  return {
    text: '',
    pins: null,
    diagnostics: [{ severity: 'error', code: 'invalid-lock-file', message, hint }],
  };
}

/** Null when it is there. Who reads it meanwhile sees the old file or the new one. */
export function writeLockFile(root: string, pins: Pins): Failure | null {
  const path = join(root, lockName);
  const draft = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(draft, 'wx');
    try {
      writeFileSync(file, printLock(pins));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    return null;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    rmSync(draft, { force: true });
    return fail('environment', 'lock-file', `cannot write ${path}`, { cause: error.message }).failure;
  }
}
