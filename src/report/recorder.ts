// Events → `events.jsonl` and `logs/JOB.log` of a run folder. Bounded in memory: a slow disk slows the sender down.
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
  close(): Promise<void>;
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

interface Appender {
  /** Bytes appended so far. */
  readonly size: number;
  append(bytes: Uint8Array): void | Promise<void>;
  close(): Promise<void>;
}

function createAppender(path: string, failed: (error: unknown) => void): Appender {
  let file: Promise<FileHandle> | null = null;
  let batch: Uint8Array[] = [];
  let batched = 0;
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;
  let broken = false;

  const write = async (chunks: Uint8Array[]): Promise<void> => {
    if (broken) return;
    try {
      file ??= open(path, 'a');
      const handle = await file;
      if (chunks.length > 0) await handle.appendFile(Buffer.concat(chunks));
    } catch (error) {
      broken = true;
      failed(error);
    }
  };
  /** At most one batch is under way and one is being filled. */
  const flush = (): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    const chunks = batch;
    batch = [];
    batched = 0;
    if (chunks.length > 0) writing = writing.then(() => write(chunks));
    return writing;
  };
  return {
    get size() {
      return size;
    },
    append: (bytes) => {
      size += bytes.length;
      batched += bytes.length;
      batch.push(bytes);
      if (batched >= batchSize) return flush();
      timer ??= setTimeout(() => void flush(), flushMs);
      return undefined;
    },
    close: async () => {
      await flush();
      await write([]);
      await (await file?.catch(() => null))?.close();
    },
  };
}
