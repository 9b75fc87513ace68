// Pipeline files and their lock file → the lock file brought up to date, or whether it is.
import { askGit } from '../../engine/git.ts';
import { askRegistries, type RegistryDigests } from '../../engine/registry-digests.ts';
import { detectProvider } from '../../providers/registry.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { fail, ok, type Failure, type Outcome } from '../model/failure.ts';
import type { Platform } from '../model/plan.ts';
import { lockableImages } from '../pipeline/image-uses.ts';
import { loadEvaluator } from '../pipeline/load-evaluator.ts';
import { planLock, relock, type LockChange, type Relocked } from '../pipeline/lock-change.ts';
import { printLock } from '../pipeline/lock-file.ts';
import type { EngineOptions } from './engines.ts';
import { lockName, readLockFile, writeLockFile, type LockFile } from './lock-file.ts';
import { checkPipeline, type PipelineFile } from './pipeline-file.ts';

export interface LockOptions extends EngineOptions {
  /** References of the command line. */
  readonly images: readonly string[];
  readonly update: boolean;
}

/** What both ways of looking at a lock file begin with. */
interface Looked {
  readonly root: string;
  readonly lock: LockFile;
  readonly change: LockChange;
  readonly platform: Platform;
}

export interface LockView {
  /** Null when a diagnostic is an error. */
  readonly looked: Looked | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of the files that diagnostics name. */
  readonly sources: ReadonlyMap<string, string>;
}

/** The files share one source root, so one lock file. Failures: `two-pipelines`, `unknown-image`, of kind `usage`. */
export async function lookAtLock(
  files: readonly PipelineFile[],
  { environment, images, update }: LockOptions,
): Promise<Outcome<LockView>> {
  const [first, ...others] = files;
  if (first === undefined) throw new Error('no pipeline file');
  const { root } = first;
  const stranger = others.find((file) => file.root !== root);
  if (stranger) {
    return fail('usage', 'two-pipelines', `${root} and ${stranger.root} each have a lock file of their own`, {
      hint: 'lock them one by one',
    });
  }
  const lock = await readLockFile(root);
  const diagnostics: Diagnostic[] = [...lock.diagnostics];
  const used = new Set<string>();
  let open = false;
  let platform: Platform = 'linux/amd64';
  for (const file of files) {
    const checked = await checkPipeline(file, environment);
    diagnostics.push(...checked.diagnostics);
    if (!checked.pipeline) continue;
    platform = checked.pipeline.pipeline.platform ?? platform;
    const context = await detectProvider(environment).context({
      environment,
      git: (args) => askGit(root, args, environment),
      overrides: {},
      runId: 'lock',
      wanted: new Set(checked.pipeline.facts),
    });
    if (!context.ok) return context;
    const evaluator = await loadEvaluator(checked.pipeline.hasExpressions);
    const found = lockableImages(checked.pipeline, context.value, evaluator);
    diagnostics.push(...found.diagnostics);
    for (const image of found.images) used.add(image);
    open ||= found.open.length > 0;
  }
  const sources = new Map([[lockName, lock.text], ...files.map(({ name, text }) => [name, text] as const)]);
  if (diagnostics.some(({ severity }) => severity === 'error'))
    return ok({ looked: null, diagnostics, sources });
  const change = planLock({ pins: lock.pins, used, open, named: images, update });
  if ('unknown' in change) {
    return fail('usage', 'unknown-image', `no job uses the image ${change.unknown}`, {
      ...(change.hint !== undefined && { hint: change.hint }),
    });
  }
  return ok({ looked: { root, lock, change, platform }, diagnostics, sources });
}

export interface Locked extends Relocked {
  /** Images that the engine has and no registry serves: they cannot be pinned. */
  readonly unserved: readonly string[];
}

/** Asks the registries and writes the file if it says something new; after a failure nothing is written. */
export async function lockImages(
  { root, lock, change, platform }: Looked,
  options: EngineOptions,
): Promise<{ readonly locked: Locked } | { readonly failures: readonly Failure[] }> {
  const answers = await ask(change.ask, platform, options);
  if (answers.failures.length > 0) return { failures: answers.failures };
  const relocked = relock(lock.pins, change, answers.digests);
  if (lock.pins === null || printLock(relocked.pins) !== lock.text) {
    const failure = writeLockFile(root, relocked.pins);
    if (failure !== null) return { failures: [failure] };
  }
  return { locked: { ...relocked, unserved: answers.unserved } };
}

export interface LockCheck {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
}

/** Writes nothing. Only where an entry is missing it asks whether a registry serves the image; in doubt one does. */
export async function checkLock({ change, platform }: Looked, options: EngineOptions): Promise<LockCheck> {
  const { unserved } = await ask(change.missing, platform, options);
  return {
    missing: change.missing.filter((reference) => !unserved.includes(reference)),
    unused: change.unused,
  };
}

async function ask(
  references: readonly string[],
  platform: Platform,
  options: EngineOptions,
): Promise<RegistryDigests> {
  const failed = (failure: Failure): RegistryDigests => ({
    digests: new Map(),
    unserved: [],
    failures: [failure],
  });
  if (references.length === 0) return { digests: new Map(), unserved: [], failures: [] };
  const { openEngines } = await import('./engines.ts');
  const engines = await openEngines(options);
  if (!engines.ok) return failed(engines.failure);
  try {
    const engine = await engines.value.current();
    if (!engine.ok) return failed(engine.failure);
    return await askRegistries(engine.value, references, platform, engine.value.lost);
  } finally {
    await engines.value.close();
  }
}
