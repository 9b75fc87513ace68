// Facts of real repositories, as git itself tells them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCheckout } from '../../../providers/shared/checkout.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'lockstep-checkout-'));
  mkdirSync(join(top, 'sub'));
  writeFileSync(join(top, 'sub/file'), '1');
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com'];
  for (const words of [
    ['init', '-q'],
    ['add', '.'],
    [...identity, 'commit', '-qm', 'first'],
  ])
    execFileSync('git', words, { cwd: top });
});
afterEach(() => {
  rmSync(top, { recursive: true });
});

const isDirty = async (root: string): Promise<boolean> => {
  const git = (words: readonly string[]): Promise<string | null> =>
    Promise.resolve(execFileSync('git', words, { cwd: root, encoding: 'utf8' }));
  return (await readCheckout(git, new Set(['git.dirty']))).dirty;
};

describe.each([
  ['the top of the repository', ''],
  ['a folder of it', 'sub'],
])('with the source at %s', (_, folder) => {
  test('a folder .lockstep that was restored there before any run is no change', async () => {
    expect(await isDirty(join(top, folder))).toBe(false);
    mkdirSync(join(top, folder, '.lockstep/cache'), { recursive: true });
    writeFileSync(join(top, folder, '.lockstep/cache/blob'), 'x');
    expect(await isDirty(join(top, folder))).toBe(false);
  });

  test('nor is a link with that name', async () => {
    symlinkSync('/nowhere', join(top, folder, '.lockstep'));
    expect(await isDirty(join(top, folder))).toBe(false);
  });

  test.each(['new', '.lockstep.yml', 'sub/file', 'other/.lockstep/x'])('%s is one', async (path) => {
    mkdirSync(join(top, folder, '.lockstep'));
    writeFileSync(join(top, folder, '.lockstep/x'), 'x');
    mkdirSync(join(top, path, '..'), { recursive: true });
    writeFileSync(join(top, path), '2');
    expect(await isDirty(join(top, folder))).toBe(true);
  });
});
