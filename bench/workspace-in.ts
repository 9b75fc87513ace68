// 10,000 files of 80 MB into a container: our packing and `putArchive` against `tar | docker cp -`; and reading the tree.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createDockerEngine } from '../engine/docker/engine.ts';
import { newRunId } from '../engine/run-folder.ts';
import { readSourceTree, type SourceTree } from '../engine/source-tree.ts';
import { fillWorkspace } from '../engine/workspace.ts';
import type { Engine } from '../src/contract/sandbox.ts';
import type { Outcome } from '../src/model/failure.ts';
import { Project } from '../test/rig/project.ts';
import { runToEnd, timeScript } from './child.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark } from './row.ts';

const image = 'busybox:latest';
const files = 10_000;
const fileBytes = 8_000;

export const workspaceIn: Benchmark = {
  name: 'workspace-in',
  run: async (rounds) => {
    using project = new Project();
    writeFiles(project.path);
    project.commit();
    const read = () =>
      readSourceTree({ root: project.path, pipelineFile: 'lockstep.yml', environment: process.env }).then(
        must,
      );
    const tree = await read();
    const engine = must(
      await createDockerEngine({
        environment: process.env,
        home: homedir(),
        platform: process.platform,
        pid: process.pid,
        runId: newRunId(new Date()),
        access: { proxies: {}, caBundle: null },
      }),
    );
    try {
      const { ours, docker } = await inTurn(rounds ?? 5, {
        ours: () => putTree(engine, tree),
        docker: () => copyIn(project.path),
      });
      const { reading, summing } = await inTurn(rounds ?? 5, {
        reading: () => timed(read),
        summing: () => timeScript('git ls-files -z | xargs -0 sha256sum', project.path),
      });
      return [
        {
          what: '10,000 files, 80 MB: workspace in',
          against: 'tar | docker cp -',
          unit: 'ms',
          ours,
          baseline: docker,
          reach: 1,
        },
        {
          what: '10,000 files, 80 MB: source tree',
          against: 'git ls-files | sha256sum',
          unit: 'ms',
          ours: reading,
          baseline: summing,
          reach: null,
        },
      ];
    } finally {
      await engine.close();
    }
  },
};

/** Bytes that do not compress, a hundred files to a folder. */
function writeFiles(root: string): void {
  for (let file = 0; file < files; file++) {
    const folder = join(root, `folder-${Math.floor(file / 100)}`);
    if (file % 100 === 0) mkdirSync(folder);
    writeFileSync(join(folder, `file-${file}`), randomBytes(fileBytes));
  }
}

/** A container of its own each time: writing over files is other work. */
async function putTree(engine: Engine, tree: SourceTree): Promise<number> {
  const platform = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
  const { signal } = new AbortController();
  const found = must(await engine.image(image, { platform, pull: false, signal }));
  const sandbox = must(
    await engine.open({
      job: 'bench',
      runId: 'bench',
      image: found,
      platform,
      user: null,
      workdir: '/work',
      network: false,
      privileged: false,
      resources: {},
      hasServices: false,
      snapshot: null,
      caches: [],
    }),
  );
  const items = tree.entries.map((entry) => ({ entry, root: tree.root }));
  const ms = await timed(async () => must(await fillWorkspace(sandbox, items, new AbortController().signal)));
  await sandbox.close();
  return ms;
}

async function copyIn(folder: string): Promise<number> {
  const start = ['run', '--rm', '--detach', '--network', 'none', '--workdir', '/work', image, 'sleep', '600'];
  const id = execFileSync('docker', start, { encoding: 'utf8' }).trim();
  const ms = await timeScript(`tar -c --exclude .git . | docker cp - ${id}:/work`, folder);
  await runToEnd(['docker', 'kill', id]);
  return ms;
}

function must<Value>(outcome: Outcome<Value>): Value {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.failure.message);
}
