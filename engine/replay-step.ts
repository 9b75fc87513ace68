// A recorded step → the events of a step that ran, and how it ended.
import type { RecordStore } from '../src/contract/record-store.ts';
import type { StepRef } from '../src/model/event.ts';
import type { PlannedStep } from '../src/model/plan.ts';
import type { LogFrame, RecordedLog, StepRecord } from '../src/model/record.ts';
import type { StepResult } from '../src/model/result.ts';
import { readFrames } from './log-frames.ts';
import { maskLog } from './masked-log.ts';
import { skipStep, type StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { verifies } from './stored-tree.ts';

/** Of a step that ended with 0: no other is recorded. */
export interface Replayed {
  readonly outputs: Readonly<Record<string, string>>;
  readonly durationMs: number;
  readonly summary: string;
  readonly log: RecordedLog;
}

/** Its name and phase come from the present plan. */
export async function replayStep(
  run: Run,
  ref: StepRef,
  { name }: PlannedStep,
  phase: 'steps' | 'finally',
  recorded: Replayed,
): Promise<StepFinish> {
  const { outputs, durationMs: savedMs, summary } = recorded;
  const status = 'success';
  await run.emit({ type: 'step-started', ...ref, at: run.now(), name, phase, attempt: 1, reused: true });
  // Masked when it was recorded; what is a secret today may have been none then.
  const log = maskLog(run.redactor, (stream, chunk) => run.emit({ type: 'log', ...ref, stream, chunk }));
  for await (const { stream, chunk } of framesOf(run.reuse.store, recorded.log))
    await log.write(stream, chunk);
  await log.end();
  if (summary !== '') await run.emit({ type: 'step-summary', ...ref, markdown: summary });
  await run.emit({
    ...{ type: 'step-finished', ...ref, at: run.now(), name, phase, status, exitCode: 0 },
    ...{ allowedFailure: false, durationMs: 0, reused: true, savedMs },
  });
  const result: StepResult = { name, status, 'exit-code': 0 };
  return {
    ...{ result, outputs, summary, durationMs: 0, reused: true, savedMs },
    ...{ allowed: false, misconfigured: false, recordable: false, hostFilesChanged: false },
  };
}

/** A step whose outcome is known; one without a record is one that its `if` skips. */
export const replayKnown = (
  run: Run,
  ref: StepRef,
  planned: PlannedStep,
  record: StepRecord | null,
): Promise<StepFinish> =>
  record === null ? skipStep(run, ref, planned, 'steps') : replayStep(run, ref, planned, 'steps', record);

/** Whether the log is there, whole: asked before the first event, since what was told cannot be taken back. */
export const logIsThere = (store: RecordStore, log: RecordedLog): Promise<boolean> =>
  'blob' in log ? verifies(store, log.blob) : Promise.resolve(true);

async function* framesOf(store: RecordStore, log: RecordedLog): AsyncGenerator<LogFrame> {
  if ('frames' in log) {
    if (log.frames !== '') yield* readFrames([Buffer.from(log.frames, 'base64')]);
    return;
  }
  const blob = await store.blob(log.blob);
  if (blob !== null) yield* readFrames(blob.chunks);
}
