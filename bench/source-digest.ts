// The digest of 100,000 source files when nothing has changed since last time, against `git status` of the same folder.
import { copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSourceTree } from '../engine/source-tree.ts';
import { Project } from '../test/rig/project.ts';
import { timeToEnd } from './child.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark, Row } from './row.ts';

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
    const [index, first] = [join(cache.path, 'index'), join(cache.path, 'first')];
    // As if it were an hour later, the tree having lain still since.
    const clock = { now: () => Date.now() + 3_600_000, bootedAt: () => 0 };
    const read = async (): Promise<void> => {
      const { path: root } = project;
      const request = { root, pipelineFile: 'lockstep.yml', environment: process.env, index, clock };
      const tree = await readSourceTree(request);
      if (!tree.ok) throw new Error(tree.failure.message);
    };
    await read();
    copyFileSync(index, first);
    // Of what the first reading left: no later one is to have done the work.
    const again = (edit?: () => void) =>
      inTurn(rounds ?? 9, {
        ours: () => {
          copyFileSync(first, index);
          edit?.();
          return timed(read);
        },
        git: () => timeToEnd(['git', 'status'], project.path),
      });
    const second = await again();
    let edits = 0;
    const edited = await again(() => {
      writeFileSync(join(project.path, 'part-50/folder-2500/file-50000.ts'), `edit ${edits++}`);
    });
    const row = (what: string, { ours, git }: typeof second, reach: number | null): Row => {
      const common = { against: 'git status', unit: 'ms', reach } as const;
      return { what: `100,000 files: source digest, ${what}`, ...common, ours, baseline: git };
    };
    return [row('second run', second, 1), row('second run after an edit', edited, null)];
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
