// Events → `events.jsonl` and `logs/JOB.log` of a run folder. Bounded in memory: a slow disk slows the sender down.
import { appendFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Emit, RunEvent } from '../model/event.ts';
import { toRecordLine } from './events-file.ts';

/** Bytes held back per file before they are written. */
const batchSize = 256 * 1024;
/** Who follows a log file sees it at most this late. */
const flushMs = 500;

export interface Recorder {
  readonly emit: Emit;
  /** Writes what is held back and closes the files; rejects with the error of the first write that failed. */
  readonly close: () => Promise<void>;
}

/** `failed` hears of the first write error (a full disk); later events are dropped. */
export function createRecorder(
  eventsFile: string,
  logFile: (job: string) => string,
  failed: (error: unknown) => void,
): Recorder {
  const events = createAppender(eventsFile, failed);
  const logs = new Map<string, Appender>();
  const logOf = (job: string): Appender => {
    const known = logs.get(job) ?? createAppender(logFile(job), failed);
    logs.set(job, known);
    return known;
  };
  const record = (event: RunEvent, offset: number): void | Promise<void> =>
    events.append(Buffer.from(`${toRecordLine(event, offset)}\n`));
  return {
    emit: (event) => {
      if (event.type === 'job-started') logOf(event.job);
      if (event.type !== 'log') return record(event, 0);
      const log = logOf(event.job);
      const recorded = record(event, log.size);
      const written = log.append(event.chunk);
      return recorded && written
        ? Promise.all([recorded, written]).then(() => undefined)
        : (recorded ?? written);
    },
    close: async () => {
      await Promise.all([events, ...logs.values()].map((file) => file.close()));
    },
  };
}

const nothing = Buffer.alloc(0);

interface Appender {
  /** Bytes appended so far. */
  readonly size: number;
  append(bytes: Uint8Array): void | Promise<void>;
  readonly close: () => Promise<void>;
}

function createAppender(path: string, failed: (error: unknown) => void): Appender {
  let file: Promise<FileHandle> | null = null;
  // Batches are used again, or a log of a gigabyte would leave a gigabyte to the garbage collector; a quiet log has none.
  const spare: Buffer[] = [];
  let batch: Buffer = nothing;
  let batched = 0;
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;
  let broken = false;
  /** Nothing was written yet: all of it is in the first batch. */
  let isUntouched = true;

  const write = async (bytes: Uint8Array): Promise<void> => {
    if (broken) return;
    try {
      file ??= open(path, 'a');
      const handle = await file;
      if (bytes.length > 0) await handle.appendFile(bytes);
    } catch (error) {
      broken = true;
      failed(error);
    }
  };
  /** At most one batch is under way and one is being filled, as long as senders wait when they are asked to. */
  const flush = (next: Buffer): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    isUntouched = false;
    const full = batch;
    const bytes = full.subarray(0, batched);
    batch = next;
    batched = 0;
    writing = writing.then(async () => {
      await write(bytes);
      if (batch.length > 0 && full.length > 0) spare.push(full);
    });
    return writing;
  };
  return {
    get size() {
      return size;
    },
    append: (bytes) => {
      size += bytes.length;
      let wait: Promise<void> | undefined;
      for (let at = 0; at < bytes.length;) {
        if (batched === batch.length) {
          const next = spare.pop() ?? Buffer.allocUnsafe(batchSize);
          if (batched > 0) wait = flush(next);
          else batch = next;
        }
        const part = bytes.subarray(at, at + batch.length - batched);
        batch.set(part, batched);
        batched += part.length;
        at += part.length;
      }
      timer ??= setTimeout(() => {
        spare.length = 0;
        void flush(nothing);
      }, flushMs);
      return wait;
    },
    close: async () => {
      if (isUntouched) {
        if (timer) clearTimeout(timer);
        try {
          // A small file is written sooner than Node's threads have opened it, and a run has many.
          appendFileSync(path, batch.subarray(0, batched));
        } catch (error) {
          failed(error);
        }
        return;
      }
      await flush(nothing);
      await (await file?.catch(() => null))?.close();
    },
  };
}
