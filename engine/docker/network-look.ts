// What a container sees of its network and of the engine's files about it → whether it is as it was when it was made.

/** Shell text that prints all of it, in the main shell once it has noted the engine's files. Only stat knows modes. */
export const lookText = `
contents '' /proc/net/sockstat /proc/net/sockstat6
printf '%s\\n%s\\n' "$_hosts" "$_h"
stat -c '%a %u:%g' /etc/hosts /etc/hostname /etc/resolv.conf`;

export interface NetworkLook {
  /** In the namespace, of whatever kind and however idle; the engine may have one there. */
  readonly sockets: number;
  /** Sockets by protocol, connections that the kernel still remembers, contents and modes of the engine's files. */
  readonly rest: string;
}

/**
 * `printed`: by `lookText`. Null where it does not tell enough: `used` counts the namespace's own sockets since Linux 4.16.
 * https://www.kernel.org/doc/Documentation/filesystems/proc.rst
 */
export function networkLook(printed: Uint8Array): NetworkLook | null {
  const text = Buffer.from(printed).toString('latin1');
  const used = /^sockets: used (\d+)$/m.exec(text)?.[1];
  const modes = /(?:^\d+ \d+:\d+\n){3}$(?![^])/m;
  if (used === undefined || !modes.test(text)) return null;
  const rest = text
    .replace(/^sockets: used \d+$/m, '')
    // Of the whole machine.
    .replaceAll(/^[A-Z]+6?: .*$/gm, (line) => line.replaceAll(/ (?:orphan|alloc|mem|memory) \d+/g, ''));
  return { sockets: Number(used), rest };
}

/** Whether nobody who had the network meanwhile left anything there. */
export const isUntouched = (made: NetworkLook, now: NetworkLook | null): boolean =>
  now !== null && now.sockets <= made.sockets && now.rest === made.rest;
