// Source files and needed artifacts → which of them each step of a job is the first to see, and the way into the sandbox.
import type { Sandbox } from '../src/contract/sandbox.ts';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { compileGlobs } from '../src/model/glob.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { TreeEntry } from '../src/model/tree.ts';
import type { StoredArtifact } from './finished-job.ts';
import { gitItems } from './git-folder.ts';
import { visibleEntries, type SourceTree } from './source-tree.ts';
import { packTar, type PackItem } from './tar-writer.ts';

/** Where a job finds its files. */
const workspaceFolder = 'work';

/** Per step (`finally` steps after the others): the files that are put before it runs, if it runs. */
export type Workspace = readonly (readonly PackItem[])[];

type Taken = StoredArtifact & { readonly from: string };

/**
 * Every file is revealed once: a source file by the first step whose `inputs` match it (a step without `inputs` sees all
 * of the job's), a needed artifact's likewise, whatever the job's `inputs` say.
 * Failures: `artifact-conflict` (kind `pipeline`) for different bytes on one path, `git-folder` for a `.git` that cannot travel.
 */
export async function planWorkspace(
  source: SourceTree,
  job: PlannedJob,
  artifacts: readonly Taken[],
): Promise<Outcome<Workspace>> {
  const planned =
    artifacts.length === 0 ? sharedWorkspace(source, job) : mixedWorkspace(source, job, artifacts);
  if (!planned.ok || !job.git) return planned;
  const git = await gitItems(source.root);
  const withGit = (files: readonly PackItem[], index: number): readonly PackItem[] =>
    index === 0 && git.ok ? [...files, ...git.value] : files;
  return git.ok ? ok(planned.value.map(withGit)) : git;
}

/** Jobs that take no artifacts mostly see the same files: in a large tree each look at all of them shows. */
const shared = new WeakMap<SourceTree, Map<string, Outcome<Workspace>>>();

function sharedWorkspace(source: SourceTree, job: PlannedJob): Outcome<Workspace> {
  const known = shared.get(source) ?? new Map<string, Outcome<Workspace>>();
  shared.set(source, known);
  const shape = JSON.stringify([job.inputs, ...[...job.steps, ...job.finally].map(({ inputs }) => inputs)]);
  const workspace = known.get(shape) ?? mixedWorkspace(source, job, []);
  known.set(shape, workspace);
  return workspace;
}

function mixedWorkspace(
  source: SourceTree,
  job: PlannedJob,
  artifacts: readonly Taken[],
): Outcome<Workspace> {
  const steps = [...job.steps, ...job.finally];
  const forSteps = steps.map((step) => visibleToStep(source, job, step.inputs));
  const items = artifacts.flatMap((artifact) =>
    artifact.entries.map((entry) => ({
      entry,
      root: artifact.folder,
      from: `artifact ${artifact.name} of ${artifact.from}`,
    })),
  );
  if (items.length > 0) {
    const visible = new Set(forSteps.flat());
    const conflict = findConflict([
      ...[...visible].map((entry) => ({ entry, from: 'the source' })),
      ...items,
    ]);
    if (conflict) return conflict;
  }

  const put = new Set<string>();
  const reveal = (candidates: readonly PackItem[]): PackItem[] =>
    candidates.filter(({ entry }) => !put.has(entry.path) && put.add(entry.path));
  const workspace = steps.map((step, index) => {
    const matches = step.inputs === null ? () => true : compileGlobs(step.inputs);
    return reveal([
      ...(forSteps[index] ?? []).map((entry) => ({ entry, root: source.root })),
      ...items.filter(({ entry }) => matches(entry.path)),
    ]);
  });
  return ok(workspace);
}

function visibleToStep(
  source: SourceTree,
  job: PlannedJob,
  inputs: readonly string[] | null,
): readonly TreeEntry[] {
  const ofJob = visibleEntries(source, job.inputs);
  if (inputs === null) return ofJob;
  const jobSees = compileGlobs(job.inputs);
  return visibleEntries(source, inputs).filter((entry) => jobSees(entry.path));
}

interface Candidate {
  readonly entry: TreeEntry;
  readonly from: string;
}

/** The same path with different content, or a file where another has a folder. */
function findConflict(candidates: readonly Candidate[]): Outcome<never> | null {
  const byPath = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const { path } = candidate.entry;
    const other = byPath.get(path);
    if (other && !sameContent(other.entry, candidate.entry)) return conflictBetween(path, other, candidate);
    byPath.set(path, other ?? candidate);
  }
  for (const candidate of byPath.values()) {
    const { path } = candidate.entry;
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const above = byPath.get(path.slice(0, slash));
      if (above && above.entry.type !== 'folder') return conflictBetween(above.entry.path, above, candidate);
    }
  }
  return null;
}

function sameContent(a: TreeEntry, b: TreeEntry): boolean {
  if (a.type === 'file' && b.type === 'file') return a.digest === b.digest && a.executable === b.executable;
  if (a.type === 'link' && b.type === 'link') return a.target === b.target;
  return a.type === 'folder' && b.type === 'folder';
}

const conflictBetween = (path: string, a: Candidate, b: Candidate): Outcome<never> =>
  fail('pipeline', 'artifact-conflict', `'${path}' comes from ${a.from} and, different, from ${b.from}`, {
    hint: 'take fewer artifacts (`needs: {job, artifacts: [names]}`), or leave the source file out of `inputs`',
  });

/**
 * Puts the files; `source-changed` when one is no longer what the run started with. When `stop` aborts, what is there
 * by then is of no use and the outcome means nothing.
 */
export async function fillWorkspace(
  sandbox: Sandbox,
  files: readonly PackItem[],
  stop: AbortSignal,
): Promise<Outcome<void>> {
  if (files.length === 0) return ok(undefined);
  const packed = packTar(files, { owner: sandbox.owner, prefix: workspaceFolder });
  const put = await sandbox.put(until(stop, packed.chunks));
  const failure = packed.failure();
  return failure ? { ok: false, failure } : put;
}

async function* until(stop: AbortSignal, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (stop.aborted) return;
    yield chunk;
  }
}
