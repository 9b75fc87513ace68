// What a step can change and no snapshot holds: it is told of the step, so that none is taken after it.
import { describe, expect, test } from 'vitest';
import { runStep } from './sandbox.ts';
import { storeForFile, withSandbox } from './docker-store.ts';

storeForFile();

describe('what no snapshot holds', () => {
  test.each([
    ['an edit of hosts', 'echo "127.0.0.2 own" >>/etc/hosts', true],
    ['an edit of resolv.conf', 'echo "nameserver 127.0.0.2" >/etc/resolv.conf', true],
    ['an edit of hostname', 'echo own >/etc/hostname', true],
    ['emptied', 'true >/etc/hosts', true],
    ['more than any shell can hold is told at the first line that differs', 'seq 2000000 >>/etc/hosts', true],
    ['copied over', 'sed s/localhost/other/ /etc/hosts >/tmp/h && cp /tmp/h /etc/hosts', true],
    ['edited and put back', 'cp /etc/hosts /tmp/h; echo x >>/etc/hosts; cat /tmp/h >/etc/hosts', false],
    ['a removal that the engine does not let happen', 'rm -f /etc/hosts 2>/dev/null || true', false],
    ['read', 'cat /etc/hosts /etc/resolv.conf /etc/hostname', false],
    ['a name in /dev', 'echo a >/dev/thing', true],
    ['a hidden folder in /dev', 'mkdir /dev/.hidden', true],
    ['a name less in /dev', 'rm /dev/full', true],
    ['a name that went again', 'echo a >/dev/thing; rm /dev/thing', false],
    ['shared memory, emptied after the step', 'echo a >/dev/shm/a', false],
    ['a message queue', 'true >/dev/mqueue/queue', true],
    ['memory of System V', "perl -e 'shmget(42, 1024, 01600) // die'", true],
    ['a semaphore of System V', "perl -e 'semget(42, 1, 01600) // die'", true],
    ['a file next to ours', 'echo a >/run/lockstep/kept', true],
    ['ours', 'rm /run/lockstep/*; echo a >>$LOCKSTEP_OUTPUT', false],
  ])('%s', async (_, script, hostFilesChanged) => {
    await withSandbox({ network: true }, async (sandbox) => {
      expect(await runStep(sandbox, script)).toMatchObject({ exitCode: 0, hostFilesChanged });
      expect(await runStep(sandbox, 'true')).toMatchObject({ hostFilesChanged });
    });
  });

  test('a later step that puts things right', async () => {
    await withSandbox({}, async (sandbox) => {
      const edit = 'cp /etc/hosts /tmp/h; echo 127.0.0.2 own >>/etc/hosts';
      expect(await runStep(sandbox, edit)).toMatchObject({ hostFilesChanged: true });
      expect(await runStep(sandbox, 'cat /tmp/h >/etc/hosts')).toMatchObject({ hostFilesChanged: false });
      expect(await runStep(sandbox, 'true')).toMatchObject({ hostFilesChanged: false });
    });
  });
});
