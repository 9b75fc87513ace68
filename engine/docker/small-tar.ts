// A tar of a few small files → the request that has the container's own tar unpack it. For any tar the engine starts itself
// anew (40 ms of processor time); two small programs take a fraction of that.
import { quote, say } from './step-script.ts';

/** Bytes. Beyond it the engine is as fast, and a shell should not hold it. */
export const maxSmall = 128 * 1024;

const block = 512;

/**
 * The one folder at the root that all entries lie in; null when there is no such or the entries are not plain ustar. Only
 * a folder that is there and empty makes every tar program do the same as the engine.
 */
export function onlyFolder(tar: Buffer): string | null {
  let folder: string | null = null;
  for (let at = 0; at + block <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number): string =>
      tar.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    if (text(257, 5) !== 'ustar' || text(345, 155) !== '' || !/^[025]$/.test(text(156, 1))) return null;
    const name = /^([\w-]+)\//.exec(text(0, 100))?.[1];
    if (name === undefined || (folder ?? name) !== name) return null;
    folder = name;
    at += block + Math.ceil(Number.parseInt(text(124, 12), 8) / block) * block;
  }
  return folder;
}

/**
 * By GNU tar alone, which knows the option: others give links and folders owners and times of their own. Answers
 * `unpacked`, or nothing: then it is the engine's turn, which replaces whatever of it is there.
 */
export const unpackRequest = (tar: Buffer, folder: string): string => `
if (
unset TAR_OPTIONS
[ -d ${quote(`/${folder}`)} ] && [ ! -L ${quote(`/${folder}`)} ] && is_empty ${quote(`/${folder}`)} || exit
base64 -d <<'END' | tar --delay-directory-restore -xpf - -C /
${tar.toString('base64')}
END
); then ${say('unpacked')}; fi`;
