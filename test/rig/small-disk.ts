// A file system of a few megabytes, to be filled up. Needs root.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'lockstep-disk-'));

  constructor(megabytes: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.path]);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.path]);
    rmdirSync(this.path);
  }
}

/** Null where it can be had: in a container root may not mount either. */
export const noSmallDisk: string | null = whyNot();

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    new SmallDisk(1)[Symbol.dispose]();
    return null;
  } catch {
    return 'mounting is not allowed here';
  }
}
