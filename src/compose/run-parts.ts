// A plan and the options of its run → all that is looked up before the run begins.
import type { FinishedJob } from '../../engine/finished-job.ts';
import type { readHandedOn } from '../../engine/handed-on.ts';
import { pinImages, type PinnedImages } from '../../engine/pinned-images.ts';
import { createRunFolder, type RunFolder } from '../../engine/run-folder.ts';
import { readSourceTree, type SourceTree } from '../../engine/source-tree.ts';
import type { Evaluator } from '../contract/evaluator.ts';
import type { Redactor } from '../contract/redactor.ts';
import type { Engine } from '../contract/sandbox.ts';
import { ok, type Failure, type Outcome } from '../model/failure.ts';
import type { Plan } from '../model/plan.ts';
import type { EngineOptions, Engines } from './engines.ts';
import type { Notices } from './held-notices.ts';
import type { PipelineFile } from './pipeline-file.ts';
import type { Planned, Selection } from './plan.ts';
import { sourceIndex, type ScopedStore } from './reuse.ts';
import type { SecretOptions, Secrets } from './secrets.ts';

export interface RunOptions extends EngineOptions {
  readonly selection: Selection;
  readonly secrets: SecretOptions;
  readonly parallel: number;
  readonly pull: boolean;
  /** `--no-reuse`: everything runs. `--fresh`: and with empty caches. */
  readonly reuse: 'use' | 'no-reuse' | 'fresh';
  /** A folder that is kept from one machine to the next. */
  readonly cache?: string;
  /** Run folders of needs that ran elsewhere. */
  readonly from: readonly string[];
  /** Of the summary; GitHub, say, shows nothing of one over 1 MiB. Absent: it is not cut. */
  readonly summaryBytes?: number;
  /** The first signal and the second. */
  readonly cancel: AbortSignal;
  readonly kill: AbortSignal;
}

interface Held {
  readonly engines: Engines;
  readonly store: ScopedStore;
  readonly notices: Notices;
  readonly secrets: Secrets;
  readonly redactor: Redactor;
}

export interface Parts extends Held {
  /** Null where it may not be needed: nothing was asked of it yet. */
  readonly engine: Engine | null;
  readonly images: PinnedImages;
  readonly source: SourceTree;
  readonly handedOn: ReadonlyMap<string, FinishedJob>;
  readonly folder: RunFolder;
}

/** Failures as `prepareRun`. */
export async function gatherParts(
  file: PipelineFile,
  { plan, lock, provider, evaluator }: Planned & { readonly plan: Plan },
  held: Held,
  { selection, from, environment, runId, reuse, pull, cancel }: RunOptions,
): Promise<Outcome<Parts>> {
  // With every image pinned an unchanged run needs no engine: it is asked when a job must run.
  const isNeeded = lock.pins === null || reuse !== 'use';
  const [engine, source] = await Promise.all([
    isNeeded ? held.engines.current() : ok(null),
    readSourceTree({
      ...{ root: file.root, pipelineFile: file.name, environment, signal: cancel },
      ...sourceIndex(file.root, environment),
    }),
  ]);
  if (!source.ok) return source;
  if (!engine.ok) return engine;
  const images = pinImages({
    ...{ pins: lock.pins, platform: plan.platform, pull, onCi: provider !== 'local' },
    ...{ engine: held.engines.current, notice: held.notices.tell },
  });
  const missing = provider === 'local' ? null : await unpinned(plan, images, evaluator, cancel);
  if (missing !== null) return { ok: false, failure: missing };
  const handedOn = selection.withNeeds ? ok(new Map()) : await readNeeds(plan, source.value.digest, from);
  if (!handedOn.ok) return handedOn;
  const folder = createRunFolder(file.root, runId);
  if (!folder.ok) return folder;
  return ok({
    ...held,
    engine: engine.value,
    images,
    source: source.value,
    handedOn: handedOn.value,
    folder: folder.value,
  });
}

/** Images that are known beforehand and that the lock file should pin. */
async function unpinned(
  plan: Plan,
  images: PinnedImages,
  evaluator: Evaluator,
  cancel: AbortSignal,
): Promise<Failure | null> {
  const [{ imageUses }, { runScope }] = await Promise.all([
    import('../pipeline/image-uses.ts'),
    import('../pipeline/known-values.ts'),
  ]);
  const uses = imageUses(plan, runScope(plan, evaluator), evaluator);
  return images.missing(
    uses.flatMap(({ reference }) => reference ?? []),
    cancel,
  );
}

const readNeeds: typeof readHandedOn = async (...words) =>
  (await import('../../engine/handed-on.ts')).readHandedOn(...words);
