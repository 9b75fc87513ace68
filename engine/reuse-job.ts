// A job whose turn has come → its recorded outcome, or what of it is known and what its run records.
import type { KeyLock } from '../src/contract/record-store.ts';
import type { Failure, Outcome } from '../src/model/failure.ts';
import { ok } from '../src/model/failure.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { CarriedJob } from './carried-packs.ts';
import { startDeadline } from './deadline.ts';
import { jobParts, keyOf, secretFacts } from './key.ts';
import { filesOf, type Recording } from './job-recording.ts';
import { findLeakInTexts } from './leak-guard.ts';
import { findRecords, type JobPlace, type KnownStep } from './recorded-job.ts';
import { replayJob } from './replay-job.ts';
import { logIsThere } from './replay-step.ts';
import type { JobInstance, ResolvedJob } from './resolve-job.ts';
import type { JobAttempt } from './job-attempt.ts';
import type { Run } from './run.ts';
import type { Aside } from './worker-pool.ts';
import type { Workspace } from './workspace.ts';

export type Reusable =
  | { readonly failure: Failure; readonly timedOut: boolean }
  | { readonly whole: JobAttempt }
  | {
      /** Steps that need not run where there is a snapshot of what they left. */
      readonly known: readonly KnownStep[];
      readonly lock: KeyLock | null;
      /** Null: nothing of the job is recorded. */
      readonly recording: Omit<Recording, 'snapshots'> | null;
    };

/** What `signal` cuts short comes out as a failure or as nothing known; the job's timeout bounds each wait. */
export async function startReuse(
  run: Run,
  instance: JobInstance,
  resolved: ResolvedJob,
  workspace: Workspace,
  {
    attempt,
    cancel: signal,
    aside,
  }: { readonly attempt: number; readonly cancel: AbortSignal; readonly aside: Aside },
): Promise<Reusable> {
  const { job } = instance;
  if (!job.reuse) return { known: [], lock: null, recording: null };
  using deadline = startDeadline(resolved.timeoutMs, [signal]);
  const images = await imageDigests(run, resolved, deadline.signal);
  if (!images.ok) return { failure: images.failure, timedOut: deadline.timedOut };
  const secrets = secretFacts(run.plan, run.secrets);
  const parts = jobParts(job, run.plan.platform, resolved.services, images.value, secrets);
  const place: JobPlace = {
    ...{ job, secrets, resolved, evaluator: run.evaluator, start: keyOf(parts), files: filesOf(workspace) },
  };
  const answer = run.reuse.answers
    ? await answerJob(run, instance, { image: resolved.image, digest: images.value.job, attempt }, place, {
        signal,
        aside,
      })
    : { whole: null, known: [], lock: null };
  if (answer.whole !== null) return { whole: answer.whole };
  const { known, lock } = answer;
  if (!run.reuse.records) return { known, lock, recording: null };
  return {
    known,
    lock,
    recording: { instance, place, parts, chainOf: chainName(run, instance.id), lock, recorded: known.length },
  };
}

/** Job instances of this name, in this file of this checkout. */
export const chainName = ({ source, plan }: Pick<Run, 'source' | 'plan'>, instance: string): string =>
  canonicalJson([source.root, plan.file, instance]);

export const carriedJob = (run: Run, { id, job }: JobInstance, place: JobPlace): CarriedJob => ({
  ...{ id, job, place, chainOf: chainName(run, id) },
});

/** No engine is asked for what the lock file or the references themselves pin. */
export async function imageDigests(
  run: Pick<Run, 'images'>,
  { image, services }: ResolvedJob,
  signal: AbortSignal,
): Promise<Outcome<Parameters<typeof jobParts>[3]>> {
  const digests: string[] = [];
  for (const reference of [image, ...services.map((service) => service.image)]) {
    const digest = await run.images.digest(reference, signal);
    if (!digest.ok) return digest;
    digests.push(digest.value);
  }
  const [job = '', ...others] = digests;
  return ok({
    job,
    services: Object.fromEntries(services.map(({ name }, index) => [name, others[index] ?? ''])),
  });
}

type Answer =
  | { readonly whole: JobAttempt }
  /** `known`: steps that need not run where there is a snapshot of what they left. */
  | { readonly whole: null; readonly known: readonly KnownStep[]; readonly lock: KeyLock | null };

/** Waits while another run, or another job of this one, makes what is looked for; then looks again. */
async function answerJob(
  run: Run,
  instance: JobInstance,
  told: Parameters<typeof replayJob>[2],
  place: JobPlace,
  { signal, aside }: { readonly signal: AbortSignal; readonly aside: Aside },
): Promise<Answer> {
  const { store } = run.reuse;
  let isTold = false;
  for (let lock: KeyLock | null = null; ;) {
    const { known, record, end } = await findRecords(store, place);
    if (record !== null) {
      await lock?.release();
      const whole = await replayJob(run, instance, told, { known, record });
      if (whole !== null) {
        if (run.carrier !== null) run.later(run.carrier.replayed(carriedJob(run, instance, place)));
        return { whole };
      }
      // Damaged: it makes way for what comes out now.
      await store.forgetRecord(record.key);
      return { whole, known: await withLogs(run, known), lock: null };
    }
    if (end.why !== 'no-record' || lock?.key === end.key || signal.aborted)
      return { whole: null, known: await withLogs(run, known), lock };
    // Never aside with a lock, since those who have the places may wait for it.
    const { carrier } = run;
    if (lock === null && carrier !== null) {
      const job = carriedJob(run, instance, place);
      if (await aside(() => carrier.fetch(job, signal))) continue;
    }
    // Nothing will be recorded that another could wait for.
    if (!run.reuse.records) return { whole: null, known: await withLogs(run, known), lock };
    await lock?.release();
    lock = await store.tryLock(end.key);
    if (lock !== null) continue;
    if (!isTold) await tellWaiting(run, instance.id);
    isTold = true;
    using bound = startDeadline(place.resolved.timeoutMs, [signal]);
    lock = await store.lock(end.key, bound.signal);
    // Whoever holds it may be stopped: from here on both do the same work.
    if (lock === null) return { whole: null, known: await withLogs(run, known), lock };
  }
}

async function tellWaiting(run: Run, job: string): Promise<void> {
  const message = 'the same step is under way elsewhere; waiting for what it gives';
  await run.emit({ type: 'notice', level: 'info', code: 'waiting-for-record', job, message });
}

/** Up to the first whose log is gone, so that what it printed cannot be told again, or that gave what is a secret today. */
async function withLogs(run: Run, known: readonly KnownStep[]): Promise<readonly KnownStep[]> {
  const { store } = run.reuse;
  for (const [index, { key, record }] of known.entries()) {
    if (record === null) continue;
    const isTold = await logIsThere(store, record.log);
    if (isTold && findLeakInTexts(run.redactor, record.outputs, record.summary) === null) continue;
    await store.forgetRecord(key);
    return known.slice(0, index);
  }
  return known;
}
