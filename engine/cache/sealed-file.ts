// A JSON value ↔ a small file whose first line is the sha256 of the rest: a cut or changed one is never believed.
import { hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { errorCode } from '../disk-tree.ts';
import { isMissing, removeDamaged, type StoreFolder, tellUnreadable } from './store-folder.ts';

const sealLength = 64;

export interface Unsealed<T> {
  readonly value: T;
  readonly mtimeMs: number;
}

export function sealed(value: unknown): string {
  const text = `${JSON.stringify(value)}\n`;
  return `${hash('sha256', text)}\n${text}`;
}

/**
 * Null: not there, or damaged, which is told as a damaged `what`, and removed. `fits` says of a value that is whole
 * whether it is the one that belongs here. Synchronous: a run reads a hundred of these in a few milliseconds.
 */
export function readSealed<T>(
  store: StoreFolder,
  path: string,
  what: string,
  fits: (value: Partial<T>) => boolean,
): Unsealed<T> | null {
  let text: string;
  let mtimeMs: number;
  try {
    const file = openSync(path, 'r');
    try {
      mtimeMs = fstatSync(file).mtimeMs;
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (errorCode(error) === 'EISDIR') return removeDamaged(store, path, what);
    if (!isMissing(error)) tellUnreadable(store, error);
    return null;
  }
  const value = unseal(text);
  if (typeof value !== 'object' || value === null || !fits(value)) return removeDamaged(store, path, what);
  return { value: value as T, mtimeMs };
}

function unseal(text: string): unknown {
  const rest = text.slice(sealLength + 1);
  if (text[sealLength] !== '\n' || hash('sha256', rest) !== text.slice(0, sealLength)) return null;
  try {
    return JSON.parse(rest);
  } catch {
    return null; // Whole, but never written by us.
  }
}
