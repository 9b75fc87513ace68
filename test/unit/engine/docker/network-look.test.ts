import { expect, test } from 'vitest';
import { isUntouched, networkLook } from '../../../../engine/docker/network-look.ts';

const printed = (more: Readonly<Record<string, string>> = {}): Buffer => {
  const part = (name: string, usual: string): string => more[name] ?? usual;
  return Buffer.from(
    [
      part('hosts', '127.0.0.1\tlocalhost\n172.17.0.2\tlockstep\n/'),
      part('used', 'sockets: used 1'),
      part('tcp', 'TCP: inuse 0 orphan 0 tw 0 alloc 1 mem 79'),
      part('udp', 'UDP: inuse 0 mem 0'),
      part('tcp6', 'TCP6: inuse 0'),
      part('fragments', 'FRAG6: inuse 0 memory 0'),
      part('modes', '644 0:0\n644 0:0\n644 0:0'),
      '',
    ].join('\n'),
  );
};
const made = networkLook(printed());
const isAsMade = (more: Readonly<Record<string, string>>): boolean =>
  made !== null && isUntouched(made, networkLook(printed(more)));

test.each([
  ['as it was', {}],
  ['what the whole machine has', { tcp: 'TCP: inuse 0 orphan 7 tw 0 alloc 90 mem 4' }],
  ['memory', { udp: 'UDP: inuse 0 mem 12', fragments: 'FRAG6: inuse 0 memory 9' }],
  ['a socket of the engine that is gone', { used: 'sockets: used 0' }],
])('nothing was left: %s', (_, more) => {
  expect(isAsMade(more)).toBe(true);
});

test.each([
  ['a socket of any kind', { used: 'sockets: used 2' }],
  ['one that listens', { tcp: 'TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 79' }],
  ['a connection that the kernel still remembers', { tcp: 'TCP: inuse 0 orphan 0 tw 1 alloc 1 mem 79' }],
  ['one over IPv6', { tcp6: 'TCP6: inuse 1' }],
  ['a name', { hosts: '127.0.0.1\tlocalhost\n172.17.0.2\tlockstep\n127.0.0.2 other\n/' }],
  ['a name that looks like a count', { hosts: '127.0.0.1\tlocalhost\n172.17.0.2\tlockstep mem 5\n/' }],
  ['a mode', { modes: '644 0:0\n600 0:0\n644 0:0' }],
  ['an owner', { modes: '644 0:0\n644 0:0\n644 1000:0' }],
  ['an image without stat', { modes: '' }],
  ['a kernel that does not count', { used: '' }],
])('something was: %s', (_, more) => {
  expect(isAsMade(more)).toBe(false);
});

test.each([
  ['without stat', printed({ modes: '' })],
  ['of an old kernel', printed({ used: '' })],
  ['nothing', Buffer.alloc(0)],
])('what tells too little is no look: %s', (_, bytes) => {
  expect(networkLook(bytes)).toBeNull();
});
