// The path of a file about an event → its text, or why there is none.
import { readFile, stat } from 'node:fs/promises';

/** GitHub sends no webhook beyond 25 MB, and no other platform tells as much. */
const maxBytes = 32 * 1024 * 1024;

/** `because`: a clause for people. */
export type EventText =
  { readonly is: 'read'; readonly text: string } | { readonly is: 'unreadable'; readonly because: string };

const unreadable = (because: string): EventText => ({ is: 'unreadable', because });

export async function readEventFile(path: string): Promise<EventText> {
  try {
    const found = await stat(path);
    // A pipe or a device may never end.
    if (!found.isFile()) return unreadable(`${path} is no file`);
    if (found.size > maxBytes) return unreadable(`${path} is larger than 32 MiB`);
    return { is: 'read', text: await readFile(path, 'utf8') };
  } catch (error) {
    return unreadable(`${path} cannot be read (${codeOf(error)})`);
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
