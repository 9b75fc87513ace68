// A pipeline's text and a scripted engine → its execution and events, within the test's own process.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { executePlan, type Execution } from '../../engine/execute-plan.ts';
import { readEntries } from '../../engine/disk-tree.ts';
import { foreseePlan } from '../../engine/foresee.ts';
import { pinImages, type PinnedImages } from '../../engine/pinned-images.ts';
import { runFolderAt } from '../../engine/run-folder.ts';
import type { SourceTree } from '../../engine/source-tree.ts';
import { createCarrier, type CarrierOptions } from '../../engine/carried.ts';
import type { RecordStore } from '../../src/contract/record-store.ts';
import type { Engine } from '../../src/contract/sandbox.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import type { Emit, RunEvent } from '../../src/model/event.ts';
import { ok } from '../../src/model/failure.ts';
import type { JobForesight } from '../../src/model/foresight.ts';
import type { Plan } from '../../src/model/plan.ts';
import { createEvaluator } from '../../src/pipeline/evaluator.ts';
import { parsePipeline } from '../../src/pipeline/parse.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { treeDigest } from '../../src/model/tree.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { createRedaction } from '../../src/compose/redaction.ts';
import { redactEvents } from '../../src/report/redact/events.ts';
import { createReportReader } from '../../src/report/report-reader.ts';

export const context: CiContext = {
  git: {
    sha: '0123456789abcdef0123456789abcdef01234567',
    'short-sha': '0123456',
    branch: 'main',
    tag: '',
    ref: 'refs/heads/main',
    'default-branch': 'main',
    repository: 'org/app',
    timestamp: 1_700_000_000,
    dirty: false,
  },
  event: { name: 'push', 'pull-request': null },
  run: { id: 'r1', number: 1, url: '', attempt: 1 },
};

/** The plan of the whole file, which must be without errors. */
export function planOf(yaml: string): Plan {
  const parsed = parsePipeline({ file: 'lockstep.yml', text: yaml });
  const planned =
    parsed.pipeline &&
    planPipeline(
      parsed.pipeline,
      { jobs: [], matrix: {}, params: {}, context, withNeeds: true },
      createEvaluator(),
    );
  if (planned?.plan) return planned.plan;
  throw new Error(JSON.stringify([...parsed.diagnostics, ...(planned?.diagnostics ?? [])], null, 2));
}

export interface InProcess {
  readonly engine: Engine;
  readonly parallel?: number;
  readonly cancel?: AbortSignal;
  readonly kill?: AbortSignal;
  readonly hear?: (event: RunEvent) => void;
  /** Kept from one execution to the next by whoever gives it. */
  readonly store?: RecordStore;
  /** False: `--no-reuse`, which is so unless a store is given. */
  readonly answers?: boolean;
  /** False: nothing is recorded. */
  readonly records?: boolean;
  /** Values by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Jobs → secrets that the fork policy keeps from them. */
  readonly withheld?: Readonly<Record<string, readonly string[]>>;
  readonly pins?: ReadonlyMap<string, string>;
  /** What the machine gets from elsewhere and leaves there. */
  readonly carry?: Partial<CarrierOptions> & Pick<CarrierOptions, 'cache'>;
  /** Source files: path → content. */
  readonly files?: Readonly<Record<string, SourceContent>>;
  /** The checkout, where it is to be the same for several calls; else one of its own. */
  readonly root?: string;
}

type SourceContent = string | { readonly executable: string } | { readonly link: string };

export interface Executed extends Execution {
  readonly events: readonly RunEvent[];
  /** Per instance: its status and, where it is not a success, the reason, e.g. `skipped (needs)`. */
  readonly statuses: Readonly<Record<string, string>>;
}

export const executeText = (yaml: string, options: InProcess): Promise<Executed> =>
  executePlanned(planOf(yaml), options);

/** The files on disk, whatever lay there before. */
async function sourceOf(root: string, files: Readonly<Record<string, SourceContent>>): Promise<SourceTree> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    if (typeof content === 'string') writeFileSync(path, content);
    else if ('link' in content) symlinkSync(content.link, path);
    else writeFileSync(path, content.executable, { mode: 0o755 });
  }
  const entries = await readEntries(root, Object.keys(files).sort());
  if (!entries.ok) throw new Error(entries.failure.message);
  return { root, entries: entries.value, named: [], digest: treeDigest(entries.value) };
}

/** What an execution with the same options would do now. */
export async function foreseeText(
  yaml: string,
  options: InProcess & { readonly store: RecordStore; readonly root: string },
): Promise<readonly JobForesight[]> {
  const plan = planOf(yaml);
  const { store, root } = options;
  return foreseePlan({
    ...{ plan, store, source: await sourceOf(root, options.files ?? {}), evaluator: createEvaluator() },
    ...{ images: imagesOf(plan, options, 'never'), signal: new AbortController().signal },
    ...secretsOf(options),
  });
}

const secretsOf = ({ secrets = {}, withheld = {} }: InProcess) => ({
  secrets: new Map(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)])),
  withheld: new Map(Object.entries(withheld)),
});

const imagesOf = (plan: Plan, { engine, pins }: InProcess, pull: false | 'never'): PinnedImages =>
  pinImages({
    ...{ pins: pins ?? null, platform: plan.platform, pull, onCi: false, notice: () => undefined },
    engine: () => Promise.resolve(ok(engine)),
  });

export async function executePlanned(plan: Plan, options: InProcess): Promise<Executed> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'lockstep-run-'));
  const events: RunEvent[] = [];
  const never = new AbortController().signal;
  const written: Promise<unknown>[] = [];
  const engine = () => Promise.resolve(ok(options.engine));
  try {
    const source = await sourceOf(root, options.files ?? {});
    const store = options.store ?? memoryStore();
    const answers = options.answers ?? options.store !== undefined;
    const given = secretsOf(options);
    const redactor = await createRedaction(plan, given.secrets, []);
    const emit: Emit = redactEvents(redactor, (event) => {
      events.push(event);
      options.hear?.(event);
    });
    const carrier =
      options.carry === undefined
        ? null
        : createCarrier({
            ...{ store, plan, source, engine, answers, fresh: false, cancel: options.cancel ?? never },
            folder: join(root, 'carried'),
            notice: (notice) => emit({ type: 'notice', ...notice }),
            ...options.carry,
          });
    const execution = await executePlan(
      {
        plan,
        source,
        folder: runFolderAt(root, 'r1'),
        evaluator: createEvaluator(),
        reports: createReportReader,
        engine,
        images: imagesOf(plan, options, false),
        reuse: { store, answers, records: options.records ?? true },
        publish: () => undefined,
        ...{ ...given, redactor },
        carrier,
        later: (work) => written.push(work),
        emit,
        parallel: options.parallel ?? 2,
        grace: { stopMs: 10, lateMs: null },
        cancel: options.cancel ?? never,
        kill: options.kill ?? never,
        now: Date.now,
      },
      new Map(),
    );
    await Promise.all(written);
    await carrier?.close();
    const statuses = Object.fromEntries(
      Object.entries(execution.result.jobs).map(([id, job]) => [
        id,
        job.reason === undefined ? job.status : `${job.status} (${job.reason})`,
      ]),
    );
    return { ...execution, events, statuses };
  } finally {
    if (options.root === undefined) rmSync(root, { recursive: true, force: true });
  }
}
