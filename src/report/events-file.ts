// An event → its line in events.jsonl.
import type { RunEvent } from '../model/event.ts';

/** JSON without a newline. A log event says where its bytes lie in `logs/JOB.log` (`offset`) in place of the bytes. */
export function toRecordLine(event: RunEvent, offset: number): string {
  if (event.type !== 'log') return JSON.stringify(event);
  const { type, job, step, stream, chunk } = event;
  return JSON.stringify({ type, job, step, stream, offset, bytes: chunk.byteLength });
}
