// A folder that is to appear whole → where it is made, and such places of dead processes → gone.
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ownerName, parseOwnerName, standing, thisOwner, type Owner } from './owner.ts';

const foreignMs = 24 * 3600_000;

/** Beside it; whose it is can be read from its name, whatever the name of what it is to become. */
export const partialOf = async (folder: string): Promise<string> =>
  join(dirname(folder), `.partial-${ownerName(await self())}.${randomBytes(8).toString('hex')}`);

/** Those that lie in the folder; whose owner cannot be looked at from here gets a day. What cannot be removed stays. */
export async function removePartials(folder: string): Promise<void> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of found) {
    const owner = parseOwnerName(/^\.partial-([^.]+)\.[0-9a-f]{16}$/.exec(entry.name)?.[1] ?? '');
    if (owner === null || !entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (await isDead(owner, path)) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isDead(owner: Owner, path: string): Promise<boolean> {
  const now = await standing(owner, await self(), process.platform);
  if (now !== 'foreign') return now === 'dead';
  const found = await stat(path).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs > foreignMs;
}

let known: Promise<Owner> | null = null;
const self = (): Promise<Owner> => (known ??= thisOwner(process.platform, process.pid));
