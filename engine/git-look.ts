// The file of a source index → which of its files changed: git looks with several threads, in half the time of one of ours.
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '../src/contract/provider.ts';
import { decodePath } from '../src/model/path-bytes.ts';
import { OPEN_FLAGS } from './disk-tree.ts';
import { countEntries } from './git-entries.ts';
import { runGit } from './git-files.ts';
import { makeFolder } from './make-folder.ts';

/** How many files the index in this file knows; 0 where there is none. */
export function countFiles(index: string): number {
  try {
    const file = openSync(index, OPEN_FLAGS);
    try {
      const start = Buffer.alloc(16);
      return countEntries(start.subarray(0, readSync(file, start)));
    } finally {
      closeSync(file);
    }
  } catch {
    return 0;
  }
}

/**
 * The files that are not as `index` says, to the second, or are gone, or lie behind a link; null: it cannot be told, or
 * another process has meanwhile put another index in its place. Begins before it returns.
 */
export async function findChanged(
  root: string,
  index: string,
  environment: Environment,
  signal?: AbortSignal,
): Promise<ReadonlySet<string> | null> {
  try {
    // While it is open its inode is no other file's.
    const file = openSync(index, OPEN_FLAGS);
    try {
      // In a repository with nothing in it git heeds no settings, which could name programs to run and hide differences.
      const empty = join(dirname(index), 'empty.git');
      makeRepository(empty);
      const words = [`--git-dir=${empty}`, `--work-tree=${root}`, 'diff-files', '-z', '--name-only'];
      const settings = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', HOME: empty };
      const variables = { ...settings, XDG_CONFIG_HOME: empty, GIT_INDEX_FILE: index };
      const said = await runGit(root, words, environment, signal, variables);
      // Of what it cannot look at it says so there, and nothing else.
      const isFine = said.ok && said.value.stderr.replace(SKIPPED, '') === '';
      if (!isFine || statSync(index).ino !== fstatSync(file).ino) return null;
      return new Set(decodePath(said.value.stdout).split('\0'));
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

const SKIPPED = /^ignoring .{4} extension\n/;

/** The least that git takes for one. */
function makeRepository(folder: string): void {
  const head = join(folder, 'HEAD');
  if (existsSync(head)) return;
  makeFolder(join(folder, 'objects'), 0o700);
  makeFolder(join(folder, 'refs'), 0o700);
  writeFileSync(head, 'ref: refs/heads/none\n');
}
