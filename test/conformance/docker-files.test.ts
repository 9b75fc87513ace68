// Files into a real container: by its own tar or by the engine, whole or not at all.
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { imageOf, runStep, tarOf } from './sandbox.ts';
import { engineForFile, open, rig } from './docker-run.ts';

engineForFile();

describe('files', () => {
  test('an error of who packs is theirs, and the sandbox lives on', async () => {
    const sandbox = await open();
    const failing = async function* () {
      yield Buffer.alloc(512);
      await Promise.resolve();
      throw new Error('source changed');
    };
    await expect(sandbox.put(failing())).rejects.toThrow('source changed');
    expect(await sandbox.put(await tarOf({ 'work/a': 'a' }))).toEqual({ ok: true });
    expect((await runStep(sandbox, 'cat a')).stdout).toBe('a');
    await sandbox.close();
  });

  // Few bytes are unpacked by the container's own tar, many by the engine.
  test.each(['busybox:latest', 'debian:bookworm-slim'])(
    'owners, modes and links come out alike, few bytes or many: %s',
    async (reference) => {
      const list = 'cd /work && ls -lnR . && readlink link && cat it* other/file';
      const listings: string[] = [];
      for (const size of [10, 300_000]) {
        const sandbox = await open({ image: await imageOf(rig.engine, reference) });
        const owner = { uid: 12, gid: 34, mtime: new Date(946_684_800_000) };
        const tar = pack();
        tar.entry({ ...owner, name: 'work/', type: 'directory', mode: 0o755 });
        tar.entry({ ...owner, name: 'work/run.sh', mode: 0o755 }, 'true');
        tar.entry({ ...owner, name: "work/it's $x", mode: 0o644 }, '\0\n$(id)');
        tar.entry({ ...owner, name: 'work/other/', type: 'directory', mode: 0o755 });
        tar.entry({ ...owner, name: 'work/other/file', mode: 0o644 }, 'first');
        tar.entry({ ...owner, name: 'work/link', type: 'symlink', linkname: '/etc/passwd' });
        tar.entry({ ...owner, name: 'work/.size', mode: 0o644 }, 'x'.repeat(size));
        tar.finalize();
        expect(await sandbox.put(Readable.from(tar))).toEqual({ ok: true });
        listings.push((await runStep(sandbox, list)).stdout);
        expect(await sandbox.put(await tarOf({ 'work/other': 'a file now' }))).toEqual({ ok: true });
        expect((await runStep(sandbox, 'cat /work/other')).stdout).toBe('a file now');
        await sandbox.close();
      }
      expect(listings[0]).toMatch(/ 12 +34 .* run\.sh$/m);
      expect(listings[0]).toContain('/etc/passwd\n\0\n$(id)first');
      expect(listings[0]).toBe(listings[1]);
    },
  );

  test('bytes that are no tar', async () => {
    const sandbox = await open();
    const outcome = await sandbox.put(
      (async function* () {
        yield await Promise.resolve(Buffer.alloc(2048, 'x'));
      })(),
    );
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'environment', code: 'engine-refused' } });
    await sandbox.close();
  });
});
