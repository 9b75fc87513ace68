// The event file that the runner leaves → its JSON object, or why there is none; and ways to read what may have any shape.
import { readEventFile } from '../shared/event-file.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

/** `because`: a clause for people. */
export type Payload =
  | { readonly is: 'read'; readonly value: JsonRecord }
  | { readonly is: 'unreadable'; readonly because: string };

const unreadable = (because: string): Payload => ({ is: 'unreadable', because });

export async function readPayload(path: string | undefined): Promise<Payload> {
  if (!path) return unreadable('GITHUB_EVENT_PATH names no file');
  const file = await readEventFile(path);
  if (file.is === 'unreadable') return file;
  try {
    const value = recordIn(JSON.parse(file.text));
    return value ? { is: 'read', value } : unreadable(`${path} holds no JSON object`);
  } catch {
    return unreadable(`${path} is not JSON`);
  }
}

export const recordIn = (value: unknown): JsonRecord | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonRecord) : null;

export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
