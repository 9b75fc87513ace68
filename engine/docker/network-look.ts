// What a container's shell prints of its network and of the engine's files about it → whether another left something there.

const files = '/etc/hosts /etc/hostname /etc/resolv.conf';

/** Shell text, in the main shell once it has noted what is in the files. Only `ls` knows modes, and sizes: a shell reads over NULs. */
export const printFiles = `printf '%s\\n' "$_hosts"; ls -ln ${files}`;
export const printSockets = 'cat /proc/net/sockstat /proc/net/sockstat6 /proc/net/packet';
export const printNetlink = 'cat /proc/net/netlink';

/** The shell reads no more of a file, bytes. */
const mostRead = 10_000;

const textOf = (printed: Uint8Array): string => Buffer.from(printed).toString('latin1');

/** The engine's files, by `printFiles`; null where that tells too little to compare. */
export function lookOfFiles(printed: Uint8Array): string | null {
  const text = textOf(printed);
  const isListed = /(?:^-[-rwxsStT]{9}.*\n){3}$(?![^])/m.test(text);
  return isListed && text.length < mostRead ? text : null;
}

/**
 * No socket in the namespace, of whatever kind and however idle, but such as an engine has there itself: by `printSockets` and
 * `printNetlink`. `used` counts the namespace's own sockets since Linux 4.16, also those that are in no list: bound, and not listening. An engine
 * has one for netlink there, and one for packets as long as it tells others of the address. `tw`: connections that the kernel
 * still remembers. https://www.kernel.org/doc/Documentation/filesystems/proc.rst
 */
export function isEmptyNetwork(printedSockets: Uint8Array, printedNetlink: Uint8Array): boolean {
  const [sockets, netlink] = [textOf(printedSockets), textOf(printedNetlink)];
  const used = Number(/^sockets: used (\d+)$/m.exec(sockets)?.[1] ?? Infinity);
  const counts = [...sockets.matchAll(/ (?:inuse|tw) (\d+)/g)].map(([, count]) => Number(count));
  const packet = sockets.split('\n').filter((line) => /^[0-9a-f]{8,} /.test(line)).length;
  // The kernel's own have no address, and it counts none of them.
  const engines = netlink.split('\n').filter((line) => /^[0-9a-f]{8,} +\d+ +[1-9]/.test(line)).length;
  return counts.length > 0 && counts.every((count) => count === 0) && used <= packet + engines;
}
