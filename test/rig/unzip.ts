// A zip → files in a folder, as people unpack it: and then the tar, if that is all there is in it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fromBufferPromise } from 'yauzl';

export async function unzip(zip: Buffer, folder: string): Promise<void> {
  const file = await fromBufferPromise(zip);
  for await (const entry of file.eachEntry()) {
    const path = join(folder, entry.fileName);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await buffer(await file.openReadStreamPromise(entry)));
  }
  const [first = '', ...others] = readdirSync(folder);
  if (others.length > 0 || !first.endsWith('.tar')) return;
  execFileSync('tar', ['-xf', join(folder, first), '-C', folder]);
  rmSync(join(folder, first));
}
