import { expect, test } from 'vitest';
import { isEmptyNetwork, lookOfFiles } from '../../../../engine/docker/network-look.ts';

const listing = [
  '-rw-r--r-- 1 0 0  13 Nov 22 18:39 /etc/hostname',
  '-rw-r--r-- 1 0 0 174 Nov 22 18:39 /etc/hosts',
  '-rw-r--r-- 1 0 0  25 Nov 22 18:39 /etc/resolv.conf',
];

/** Of a namespace in which the engine has a socket for netlink. */
const usual = {
  hosts: '127.0.0.1\tlocalhost\n172.17.0.2\tlockstep\n/',
  listing: listing.join('\n'),
  used: 'sockets: used 1',
  tcp: 'TCP: inuse 0 orphan 0 tw 0 alloc 1 mem 79',
  tcp6: 'TCP6: inuse 0\nFRAG6: inuse 0 memory 0',
  packet: 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode',
  netlink: `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000039d6d821 0   11139      00000000 0        0        0     2        0        24220472
000000002cb66df2 0   0          00000000 0        0        0     2        0        24220418
000000009a2fcd56 15  0          00000000 0        0        0     2        0        24220424`,
};

const filesOf = (more: Partial<typeof usual> = {}): string | null => {
  const { hosts, listing: list } = { ...usual, ...more };
  return lookOfFiles(Buffer.from([hosts, list, ''].join('\n')));
};
const isEmpty = (more: Partial<typeof usual> = {}): boolean => {
  const { used, tcp, tcp6, packet, netlink } = { ...usual, ...more };
  return isEmptyNetwork(Buffer.from([used, tcp, tcp6, packet, ''].join('\n')), Buffer.from(netlink));
};

test.each<[string, Partial<typeof usual>]>([
  ['as it was made', {}],
  ['whatever the whole machine has', { tcp: 'TCP: inuse 0 orphan 7 tw 0 alloc 90 mem 4' }],
  ['the engine’s own socket is gone', { used: 'sockets: used 0', netlink: '' }],
  [
    'an engine that tells others of the address',
    { used: 'sockets: used 2', packet: '00000000ab12cd34 3      3    0806   2     1 0      0      9' },
  ],
])('an empty network: %s', (_, more) => {
  expect(isEmpty(more)).toBe(true);
});

test.each<[string, Partial<typeof usual>]>([
  ['a socket that is in no list', { used: 'sockets: used 2' }],
  ['one that took the place of the engine’s', { netlink: '' }],
  ['one that listens', { tcp: 'TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 79' }],
  ['a connection that the kernel still remembers', { tcp: 'TCP: inuse 0 orphan 0 tw 1 alloc 1 mem 79' }],
  ['one over IPv6', { tcp6: 'TCP6: inuse 1' }],
  ['a kernel that does not count', { used: '' }],
  ['nothing to be read', { used: '', tcp: '', tcp6: '', packet: '', netlink: '' }],
])('not an empty one: %s', (_, more) => {
  expect(isEmpty(more)).toBe(false);
});

test.each<[string, Partial<typeof usual>]>([
  ['a name', { hosts: '127.0.0.1\tlocalhost\n172.17.0.2\tlockstep\n127.0.0.2 other\n/' }],
  ['a mode', { listing: usual.listing.replace('-rw-r--r--', '-rw-------') }],
  ['an owner', { listing: usual.listing.replace('1 0 0', '1 1000 0') }],
  ['rights of single users', { listing: usual.listing.replace('-rw-r--r--', '-rw-r--r--+') }],
  ['bytes that a shell reads over', { listing: usual.listing.replace(' 25 ', ' 26 ') }],
])('files that were touched: %s', (_, more) => {
  expect(filesOf()).not.toBeNull();
  expect(filesOf(more)).not.toBe(filesOf());
});

test.each<[string, Partial<typeof usual>]>([
  ['without ls', { listing: '' }],
  ['with one file less', { listing: listing.slice(1).join('\n') }],
  ['of files that no shell reads to their end', { hosts: 'x'.repeat(10_000) }],
])('a look that tells too little is none: %s', (_, more) => {
  expect(filesOf(more)).toBeNull();
});
