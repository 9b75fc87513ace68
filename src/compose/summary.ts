// What is known of a finished run → `summary.md` in its folder, and as much of it as whoever asked has room for.
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FinishedRun } from '../../engine/finished-run.ts';
import type { RunFolder } from '../../engine/run-folder.ts';
import type { Failure } from '../model/failure.ts';
import type { Offers } from '../contract/provider.ts';
import type { TailOf } from '../report/closing.ts';
import { lastLinesOf, tailBytes } from '../report/log-tail.ts';
import { codeSpan } from '../report/markdown.ts';
import type { RunRecord } from '../report/run-record.ts';
import { renderSummary } from '../report/summary.ts';
import type { ReadLog } from '../report/summary-parts.ts';

export interface EndedRun extends FinishedRun {
  /** Markdown, no longer than was asked for. */
  readonly summary: string;
  /** Why the platform does not get all that it takes from the checkout. */
  readonly unleft: readonly Failure[];
}

interface Fit {
  readonly bytes?: number | undefined;
  /** Called when it does not fit: where people find the whole; null: only in the run folder. */
  readonly publish?: (markdown: string) => Promise<string | null>;
}

const fileName = 'summary.md';

/** Rejects with the error of the disk. */
export async function writeSummary(record: RunRecord, folder: RunFolder, fit: Fit): Promise<string> {
  const readLog = logReader(folder);
  const whole = renderSummary(record, readLog);
  const path = join(folder.path, fileName);
  writeFileSync(path, whole);
  if (fit.bytes === undefined || Buffer.byteLength(whole) <= fit.bytes) return whole;
  const url = (await fit.publish?.(whole)) ?? null;
  const place = url === null ? codeSpan(folder.shown(path)) : `[${fileName}](<${url}>)`;
  return renderSummary(record, readLog, { bytes: fit.bytes, whole: place });
}

/** The end of the range; nothing where the log is not there. */
export const logReader =
  (folder: RunFolder): ReadLog =>
  (job, { from, to }) => {
    const bytes = Buffer.alloc(Math.min(tailBytes, to - from));
    try {
      // One that came from elsewhere may be a link.
      const file = openSync(folder.logFile(job), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, to - bytes.length));
      } finally {
        closeSync(file);
      }
    } catch {
      return new Uint8Array();
    }
  };

/** The last lines of a step, out of the job's log. */
export function tailReader(record: RunRecord, readLog: ReadLog): TailOf {
  const ranges = new Map(record.jobs().map(({ name, logs }) => [name, logs]));
  return (job, step) => {
    const range = ranges.get(job)?.get(step);
    return range === undefined ? [] : lastLinesOf(readLog(job, range));
  };
}

const dayMs = 24 * 60 * 60 * 1000;

/** As an artifact of its own, by the run's name: a workflow may have several runs. Best effort. */
export function publishSummary(
  offers: Offers | null,
  folder: RunFolder,
  cancel: AbortSignal,
): Fit['publish'] & {} {
  return async (markdown) => {
    if (offers?.artifacts.is !== 'there' || cancel.aborted) return null;
    const sink = await offers.artifacts.open();
    const digest = `sha256:${createHash('sha256').update(markdown).digest('hex')}`;
    const entry = {
      type: 'file',
      path: fileName,
      executable: false,
      size: Buffer.byteLength(markdown),
      digest,
    } as const;
    const artifact = {
      job: 'summary',
      name: folder.id,
      folder: folder.path,
      entries: [entry],
      expireMs: 30 * dayMs,
    };
    const receipt = await sink.publish(artifact, cancel);
    return receipt.kind === 'published' ? (receipt.url ?? null) : null;
  };
}
