// This process and others → who owns what an engine holds, and whether that owner still lives.
import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Boot and pid namespace say which processes can be looked at from here; start time tells a pid from its successor. */
export interface Owner {
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  readonly started: string;
}

export type Standing = 'alive' | 'dead' | 'foreign';

export const ownerText = (owner: Owner): string =>
  [owner.boot, owner.namespace, owner.pid, owner.started].join('/');

/** As a part of a file's name. */
export const ownerName = (owner: Owner): string => ownerText(owner).replaceAll('/', '_');

export const parseOwnerName = (name: string): Owner | null => parseOwner(name.replaceAll('_', '/'));

export function parseOwner(text: string): Owner | null {
  const match = /^([^/]*)\/([^/]*)\/([1-9]\d*)\/([^/]*)$/.exec(text);
  if (match === null) return null;
  const [, boot = '', namespace = '', pid = '', started = ''] = match;
  return { boot, namespace, pid: Number(pid), started };
}

export const thisOwner = (platform: NodeJS.Platform, pid: number): Promise<Owner> => describe(platform, pid);

/** `foreign`: of another boot, pid namespace or machine, or not readable: nothing can be said from here. */
export async function standing(
  owner: Owner | null,
  self: Owner,
  platform: NodeJS.Platform,
): Promise<Standing> {
  if (owner?.boot !== self.boot || owner.namespace !== self.namespace) return 'foreign';
  return (await startTime(platform, owner.pid)) === owner.started ? 'alive' : 'dead';
}

/** The same of owners as texts, each looked at once. */
export function standings(self: Owner, platform: NodeJS.Platform): (text: string) => Promise<Standing> {
  const seen = new Map<string, Promise<Standing>>();
  return (text) => {
    const known = seen.get(text) ?? standing(parseOwner(text), self, platform);
    seen.set(text, known);
    return known;
  };
}

async function describe(platform: NodeJS.Platform, pid: number): Promise<Owner> {
  const started = (await startTime(platform, pid)) ?? '';
  if (platform === 'linux') {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    return { boot, namespace: (await readlink('/proc/self/ns/pid')).replace(/\D/g, ''), pid, started };
  }
  return { boot: await output('sysctl', ['-n', 'kern.bootsessionuuid']), namespace: platform, pid, started };
}

/** Null when there is no such process. */
async function startTime(platform: NodeJS.Platform, pid: number): Promise<string | null> {
  if (platform !== 'linux')
    return (await output('ps', ['-o', 'lstart=', '-p', String(pid)])).replace(/\W+/g, '-') || null;
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Counted after the name, which is in parentheses and may hold anything: state, then 18 more, then start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args)).stdout.trim();
  } catch {
    return '';
  }
}
