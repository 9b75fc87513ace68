// An event → its line in events.jsonl.
import type { Log, RunEvent } from '../model/event.ts';

/** A log event as it stands there: where its bytes lie in `logs/JOB.log`. */
export interface RecordedLog extends Omit<Log, 'chunk'> {
  readonly offset: number;
  readonly bytes: number;
}

/** JSON without a newline; of a log event a `RecordedLog`. */
export function toRecordLine(event: RunEvent, offset: number): string {
  if (event.type !== 'log') return JSON.stringify(event);
  const { type, job, step, stream, chunk } = event;
  const recorded: RecordedLog = { type, job, step, stream, offset, bytes: chunk.byteLength };
  return JSON.stringify(recorded);
}
