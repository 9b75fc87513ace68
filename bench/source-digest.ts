// The digest of 100,000 source files when nothing has changed since last time, against `git status` of the same folder.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSourceTree } from '../engine/source-tree.ts';
import { Project } from '../test/rig/project.ts';
import { timeToEnd } from './child.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark } from './row.ts';

const files = 100_000;
const filesAFolder = 20;
/** Seconds since the epoch, long ago: the files have settled, for git as for us. */
const writtenAt = 1_600_000_000;

export const sourceDigest: Benchmark = {
  name: 'source-digest',
  run: async (rounds) => {
    using project = new Project();
    using cache = new Project();
    writeFiles(project.path);
    project.commit();
    const index = join(cache.path, 'index');
    const read = async (): Promise<void> => {
      const request = { root: project.path, pipelineFile: 'lockstep.yml', environment: process.env, index };
      const tree = await readSourceTree(request);
      if (!tree.ok) throw new Error(tree.failure.message);
    };
    await read();
    const { ours, git } = await inTurn(rounds ?? 9, {
      ours: () => timed(read),
      git: () => timeToEnd(['git', 'status'], project.path),
    });
    const what = '100,000 files: source digest, second run';
    return [{ what, against: 'git status', unit: 'ms', ours, baseline: git, reach: 1 }];
  },
};

function writeFiles(root: string): void {
  for (let file = 0; file < files; file++) {
    const folder = join(
      root,
      `part-${Math.floor(file / 1_000)}`,
      `folder-${Math.floor(file / filesAFolder)}`,
    );
    if (file % filesAFolder === 0) mkdirSync(folder, { recursive: true });
    const path = join(folder, `file-${file}.ts`);
    writeFileSync(path, `export const number = ${file};\n`.repeat(10));
    utimesSync(path, writtenAt, writtenAt);
  }
}
