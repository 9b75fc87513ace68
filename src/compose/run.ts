// A plan → a run: source tree, engine, recorder and reporters put together, executed, and left in its run folder.
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheMounts } from '../../engine/cache-mounts.ts';
import { executePlan } from '../../engine/execute-plan.ts';
import { cacheSeeder } from '../../engine/seeded-caches.ts';
import { writeRunFolder, type FinishedRun } from '../../engine/finished-run.ts';
import { hostProxies } from '../../engine/docker/network-access.ts';
import { gitCredentials } from '../../engine/git-folder.ts';
import { finishedRun } from '../../engine/run-documents.ts';
import { findLeak } from '../../engine/leak-guard.ts';
import { newRunId, removeOldRuns, type RunFolder } from '../../engine/run-folder.ts';
import type { Run } from '../../engine/run.ts';
import { absentServices } from './absent-services.ts';
import { createPublisher } from './publish.ts';
import type { Offers } from '../contract/provider.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Emit, RunCancelling } from '../model/event.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { instanceName } from '../model/instance-name.ts';
import type { Plan, PlannedJob } from '../model/plan.ts';
import { proxyCredentials } from '../model/url-credentials.ts';
import { createRecorder } from '../report/recorder.ts';
import { redactEvents } from '../report/redact/events.ts';
import { createRunRecord } from '../report/run-record.ts';
import { noteCaches } from './cache-files.ts';
import { recordFolder } from './cache-folder.ts';
import { emptyCaches } from './empty-caches.ts';
import { openEngines } from './engines.ts';
import { holdNotices } from './held-notices.ts';
import { leaveForPlatform } from './leave.ts';
import { removeAbandoned } from './orphans.ts';
import { findUnsafePlace, keptPlaces } from './kept-places.ts';
import type { PipelineFile } from './pipeline-file.ts';
import type { Planned } from './plan.ts';
import { openStore, snapshotRemover } from './reuse.ts';
import { noteScope, pruneScopes } from './trust-scopes.ts';
import { createRedaction } from './redaction.ts';
import { locateSecrets, readSecrets } from './secrets.ts';
import { gatherParts, type Parts, type RunOptions } from './run-parts.ts';
import { publishSummary, writeSummary, type EndedRun } from './summary.ts';
import { unmatchedInputs } from './unmatched-inputs.ts';

export { newRunId, type EndedRun };

/** A run that has all it needs and has not begun. */
export interface PreparedRun {
  readonly warnings: readonly Diagnostic[];
  /** Values that the platform's own masker is to know. */
  readonly hidden: readonly string[];
  /** How the platform's log view is spoken to; null where it has none. */
  readonly logs: Offers['logs'] | null;
  /** Bytes of a log after which the platform shows nothing more; null: it shows all. */
  readonly logBytes: number | null;
  /** Makes the run's events tell of a signal. */
  readonly cancelling: (signal: RunCancelling['signal'], atOnce: boolean) => void;
  /** Emits every event, the last with the digest, and leaves the run folder. */
  readonly execute: (reporter: Emit) => Promise<Outcome<EndedRun>>;
}

/** How long a step has from SIGTERM to SIGKILL, and what runs after a cancel. */
const graceOf = (offers: Offers | null): Run['grace'] => {
  const left = offers?.cancelMs ?? null;
  // What is left of it is for the engine, and for what we write at the end.
  return left === null ? { stopMs: 10_000, lateMs: null } : { stopMs: left * 0.3, lateMs: left * 0.3 };
};

/** Failures have kind `usage` (exit 2) or `environment` (exit 3); nothing has run then, and nothing is left open. */
export async function prepareRun(
  file: PipelineFile,
  planned: Planned & { readonly plan: Plan },
  options: RunOptions,
): Promise<Outcome<PreparedRun>> {
  let emit: Emit = () => undefined;
  const notices = holdNotices((notice) => void emit(notice));
  const { offers } = planned;
  const places = keptPlaces(options.cache, offers, file.root);
  const unsafe = findUnsafePlace(places, file.root, offers?.trust);
  if (unsafe !== null) return { ok: false, failure: unsafe };
  // Before it is needed, since a platform's client takes its time to start.
  void places?.openRecords?.();
  const { secrets: given, environment } = options;
  const located = await locateSecrets(planned.plan, file.root, given, environment, offers);
  if (!located.ok) return located;
  const secrets = await readSecrets(planned.plan, located.value, planned.evaluator, options.cancel);
  if (!secrets.ok) return secrets;
  const kept = [...secrets.value.withheldFrom.keys()].join(', ');
  if (kept !== '') {
    const why = 'a change request from a fork gets no secrets';
    notices.tell(
      'secret-withheld',
      `${why}, so not run: ${kept}. Read the change, then add --allow fork-secrets`,
    );
  }
  const redactor = await createRedaction(planned.plan, secrets.value.values, [
    ...proxyCredentials(hostProxies(options.environment)),
    ...gitCredentials(file.root),
    ...(offers?.credentials ?? []),
  ]);
  for (const warning of redactor.warnings) notices.tell('secret-short', warning);
  for (const [name, value] of Object.entries(planned.plan.params)) {
    const leak = findLeak(redactor, Buffer.from(String(value)));
    if (leak !== null) return secretInParam(name, leak.secret);
  }
  const tellFault = (message: string): void => notices.tell('cache-fault', message);
  const store = openStore(file.root, options.environment, tellFault, offers?.trust);
  if (!store.ok) return store;
  const engines = await openEngines(options, (engine) => removeAbandoned(engine, store.value));
  if (!engines.ok) return engines;
  const parts = await gatherParts(
    file,
    planned,
    { engines: engines.value, store: store.value, notices, secrets: secrets.value, redactor },
    options,
  );
  if (!parts.ok) {
    await engines.value.close();
    return parts;
  }
  return ok({
    logs: offers?.logs ?? null,
    logBytes: offers?.logBytes ?? null,
    hidden: [...secrets.value.values.values()].map((value) => value.toString()),
    warnings: unmatchedInputs(planned.plan, parts.value.source),
    cancelling: (signal, atOnce) => void emit({ type: 'run-cancelling', at: Date.now(), signal, atOnce }),
    execute: async (reporter) => {
      const { folder } = parts.value;
      const broken = new AbortController();
      const recorder = createRecorder(join(folder.path, 'events.jsonl'), folder.logFile, (error) =>
        broken.abort(error),
      );
      const record = createRunRecord();
      emit = redactEvents(redactor, toAll(recorder.emit, record.take, reporter));
      // Cut short by the second signal, the carrier has not done so.
      const tidyUp = async (): Promise<void> => {
        if (places !== null) await rm(carriedFolder(folder), { recursive: true, force: true });
      };
      // Meanwhile, since the disk takes its time; but needs that ran elsewhere may lie in the oldest.
      const makingRoom = options.from.length === 0 ? removeOldRuns(folder) : null;
      try {
        const end = await execute(file, planned, parts.value, options, emit, broken.signal);
        // The result was the last word: a signal that comes now has nothing to tell.
        emit = () => undefined;
        await recorder.close();
        broken.signal.throwIfAborted();
        const { summaryBytes } = options;
        const publish = publishSummary(offers, folder, options.cancel);
        const summary = await writeSummary(record, folder, { bytes: summaryBytes, publish });
        writeRunFolder(end);
        await tidyUp();
        const { isDryRun } = planned;
        const unleft = isDryRun ? [] : await leaveForPlatform(options.environment, end, record);
        await (makingRoom ?? removeOldRuns(folder));
        const engine = await engines.value.connected();
        await store.value.upkeep(engine && snapshotRemover(engine));
        const trust = offers?.trust ?? { scope: '', reads: [], writes: true };
        noteScope(recordFolder(file.root, options.environment, trust.scope), trust);
        const hasTime = !options.cancel.aborted;
        if (engine !== null && hasTime) await pruneScopes(file.root, options.environment, trust, engine);
        return ok({ ...end, summary, unleft });
      } catch (error) {
        if (!isSystemError(error)) throw error;
        return fail('environment', 'run-folder', `cannot write the run folder ${folder.path}`, {
          cause: error.message,
          hint: 'free some disk space, then run again',
        });
      } finally {
        await engines.value.close();
        await tidyUp();
      }
    },
  });
}

const secretInParam = (param: string, secret: string): Outcome<never> =>
  fail('usage', 'secret-in-param', `the param ${param} holds the secret ${secret}`, {
    hint: 'params are part of the result; grant the secret to the step that needs it',
  });

const carriedFolder = (folder: RunFolder): string => join(folder.path, 'carried');

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error;

async function execute(
  file: PipelineFile,
  { plan, provider, evaluator, offers, isDryRun }: Planned & { readonly plan: Plan },
  { engines, engine, images, store, notices, secrets, redactor, source, handedOn, folder }: Parts,
  options: RunOptions,
  emit: Emit,
  broken: AbortSignal,
): Promise<FinishedRun> {
  const started = new Date();
  const later = new Set<Promise<unknown>>();
  const cancel = AbortSignal.any([options.cancel, broken]);
  const writes = offers?.trust.writes ?? true;
  const places = keptPlaces(options.cache, offers, file.root);
  const carrier =
    places === null
      ? null
      : await (
          await import('./carrier.ts')
        ).openCarrier(places, offers?.trust, {
          ...{ plan, source, store, engine: engines.current, cancel, emit },
          folder: carriedFolder(folder),
          ...{ answers: options.reuse === 'use', fresh: options.reuse === 'fresh' },
        });
  const publish =
    offers?.artifacts.is === 'there' ? createPublisher(offers.artifacts.open, emit, cancel) : null;
  const tellEmpty = (message: string): unknown =>
    emit({ type: 'notice', level: 'warning', code: 'cache-unusable', message });
  const run: Run = {
    plan,
    source,
    folder,
    evaluator,
    reports: loadOnce(async () => (await import('../report/report-reader.ts')).createReportReader()),
    engine: engines.current,
    images,
    emit,
    secrets: secrets.values,
    redactor,
    withheld: secrets.withheldFrom,
    reuse: {
      ...{ store, answers: options.reuse === 'use', records: writes, reads: store.reads },
      ...(options.reuse !== 'fresh' && {
        seedCaches: cacheSeeder({ store, engine: engines.current, tell: tellEmpty }),
      }),
    },
    carrier,
    publish: (instance, artifacts) => void later.add(publish?.(instance, artifacts) ?? Promise.resolve()),
    later: (work) => later.add(work),
    parallel: options.parallel,
    grace: graceOf(offers),
    cancel,
    kill: AbortSignal.any([options.kill, broken]),
    now: Date.now,
  };
  await emit({
    type: 'run-started',
    schema: 1,
    id: options.runId,
    at: started.getTime(),
    title: plan.pipeline ?? basename(file.root),
    directory: folder.shown(folder.path),
    jobs: plan.jobs.flatMap(plannedInstances),
    parallel: options.parallel,
    engine: engine?.description ?? null,
  });
  notices.release();
  if (offers !== null && !isDryRun)
    for (const absent of absentServices(offers, plan, options.cache === undefined)) await emit(absent);
  const mounts = plan.jobs.flatMap((job) => cacheMounts(run, job));
  const kept = recordFolder(file.root, options.environment, offers?.trust.scope);
  if (offers !== null) noteScope(kept, offers.trust);
  if (writes) noteCaches(kept, source.root, mounts);
  if (options.reuse === 'fresh') await emptyCaches(run);
  const execution = await executePlan(run, handedOn);
  const { jobs, matrix, withNeeds: needs } = options.selection;
  const end = finishedRun(run, execution, { jobs, matrix, needs }, provider, started, new Date());
  // Records are still being written: what goes wrong there is told before the last word. The second signal waits for nothing.
  await orAborted(
    Promise.allSettled(later).then(() => carrier?.close()),
    run.kill,
  );
  await emit({
    type: 'run-finished',
    at: Date.parse(end.times.finished),
    durationMs: end.times['duration-ms'],
    digest: end.times.digest,
    result: end.result,
  });
  return end;
}

function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  signal.addEventListener('abort', () => resolve(undefined), { once: true });
  return Promise.race([work, promise]);
}

const plannedInstances = ({ name, matrix }: PlannedJob): string[] =>
  'instances' in matrix && matrix.instances.length > 0
    ? matrix.instances.map((values) => instanceName(name, values))
    : [name];

/** One event to all, in order; waits for whoever asks to be waited for. */
const toAll =
  (...sinks: readonly Emit[]): Emit =>
  (event) => {
    const waits = sinks.map((sink) => sink(event)).filter((wait) => wait !== undefined);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  };

function loadOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => (loaded ??= load());
}
