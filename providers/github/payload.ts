// The event file that the runner leaves → its JSON object, or why there is none; and ways to read what may have any shape.
import { readFile, stat } from 'node:fs/promises';

export type JsonRecord = Readonly<Record<string, unknown>>;

/** GitHub sends no webhook beyond 25 MB. */
const maxBytes = 32 * 1024 * 1024;

/** `because`: a clause for people. */
export type Payload =
  | { readonly is: 'read'; readonly value: JsonRecord }
  | { readonly is: 'unreadable'; readonly because: string };

const unreadable = (because: string): Payload => ({ is: 'unreadable', because });

export async function readPayload(path: string | undefined): Promise<Payload> {
  if (!path) return unreadable('GITHUB_EVENT_PATH names no file');
  try {
    const found = await stat(path);
    // A pipe or a device may never end.
    if (!found.isFile()) return unreadable(`${path} is no file`);
    if (found.size > maxBytes) return unreadable(`${path} is larger than 32 MiB`);
    const value = recordIn(JSON.parse(await readFile(path, 'utf8')));
    return value ? { is: 'read', value } : unreadable(`${path} holds no JSON object`);
  } catch (error) {
    return unreadable(
      error instanceof SyntaxError ? `${path} is not JSON` : `${path} cannot be read (${codeOf(error)})`,
    );
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

export const recordIn = (value: unknown): JsonRecord | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonRecord) : null;

export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

/** 0 for what is no number above 0. */
export const countIn = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
