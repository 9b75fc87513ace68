// A disk that fills up while the run writes to it: a clear environment failure, no hang, nothing left.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Project } from '../rig/project.ts';
import { noSmallDisk, SmallDisk } from '../rig/small-disk.ts';

const fills = async (pipeline: string, said: RegExp, prepare = ''): Promise<void> => {
  using project = new Project({ 'lockstep.yml': pipeline });
  using disk = new SmallDisk(4);
  mkdirSync(join(project.path, '.lockstep'));
  project.sh(`mount --bind ${disk.path} .lockstep; ${prepare}`);
  try {
    const end = await project.run('run');
    expect(end.code, end.output).toBe(3);
    expect(end.output).toMatch(said);
    expect(end.output).not.toMatch(/^ +at |bug/m);
  } finally {
    project.sh('umount -l .lockstep');
  }
};

describe.skipIf(noSmallDisk !== null)('a full disk', () => {
  test('while the log is written', () =>
    fills(
      '{version: 1, jobs: {a: {image: "busybox:latest", steps: ["yes | head -c 50000000", echo never]}}}',
      /cannot write the run folder[^]*ENOSPC/,
    ));

  test('while an artifact is collected', () =>
    fills(
      '{version: 1, jobs: {a: {image: "busybox:latest", artifacts: {big: big}, steps: [head -c 50000000 /dev/zero >big]}}}',
      /no space left to write/,
    ));

  test('before the run', () =>
    fills(
      '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo never]}}}',
      /cannot write/,
      'head -c 10000000 /dev/zero >.lockstep/full || true',
    ));
});
