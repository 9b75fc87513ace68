// A source folder of each test's own, and the file of its index.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { diskPath } from '../../../src/model/path-bytes.ts';

export const HOUR = 3_600_000;

/** Filled before each test of a file that calls `folderForEach`. */
export const rig = {} as {
  /** For what is not source. */
  top: string;
  root: string;
  index: string;
};

export function folderForEach(): void {
  beforeEach(() => {
    rig.top = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-source-')));
    rig.root = join(rig.top, 'root');
    rig.index = join(rig.top, 'cache/index');
    mkdirSync(rig.root);
  });
  afterEach(() => {
    rmSync(rig.top, { recursive: true, force: true });
  });
}

export const at = (path: string): string => join(rig.root, path);

export function write(path: string, text = path): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(diskPath(rig.root, path), text);
}

export function timeNow(): number {
  writeFileSync(join(rig.top, 'probe'), '');
  return statSync(join(rig.top, 'probe')).ctimeMs;
}

/** Until the file system's clock has gone on, for tests whose own clock says that all has settled long ago. */
export function nextTick(): void {
  for (const start = timeNow(); timeNow() === start;);
}
