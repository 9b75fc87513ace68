// A line of another machine's `events.jsonl` → the event, where a summary tells of it.
import * as z from 'zod';
import { stepStatus } from '../model/result-schema.ts';

const ref = { job: z.string(), step: z.int().nonnegative() };
const at = z.number();
const phase = z.enum(['steps', 'finally']);
const failure = z
  .object({
    kind: z.enum(['usage', 'environment', 'pipeline']),
    ...{ code: z.string(), message: z.string() },
    ...{ hint: z.string().exactOptional(), cause: z.string().exactOptional() },
  })
  .exactOptional();
const count = z.number().nonnegative();
const failedTest = z.object({
  ...{ name: z.string(), message: z.string() },
  ...{ file: z.string().exactOptional(), line: z.number().exactOptional() },
});
const tests = z.object({
  ...{ tests: count, failed: count, skipped: count, durationMs: count },
  failures: z.array(failedTest),
});

const recordedEvent = z.discriminatedUnion('type', [
  z.object({
    ...{ type: z.literal('job-started'), job: z.string(), at, attempt: z.number(), image: z.string() },
    ...{ steps: z.array(z.string()), reused: z.enum(['all', 'prefix', 'none']) },
  }),
  /** Its result is that of `result.json`, which has a digest. */
  z.object({ type: z.literal('job-finished'), job: z.string(), failure }),
  z.object({
    ...{ type: z.literal('log'), ...ref, stream: z.enum(['stdout', 'stderr']) },
    ...{ offset: z.int().nonnegative(), bytes: z.int().nonnegative() },
  }),
  z.object({ type: z.literal('step-summary'), ...ref, markdown: z.string() }),
  z.object({
    ...{ type: z.literal('step-finished'), ...ref, at, name: z.string(), phase, status: stepStatus },
    ...{ exitCode: z.number().exactOptional(), allowedFailure: z.boolean(), durationMs: count },
    ...{ reused: z.boolean(), savedMs: count, failure },
  }),
  z.object({
    ...{ type: z.literal('artifact-stored'), job: z.string(), name: z.string(), digest: z.string() },
    ...{ files: count, bytes: count, path: z.string() },
  }),
  z.object({
    ...{ type: z.literal('artifact-published'), job: z.string(), name: z.string(), as: z.string() },
    url: z.url({ protocol: /^https?$/ }).exactOptional(),
  }),
  z.object({
    ...{ type: z.literal('report-stored'), job: z.string(), files: z.array(z.string()), path: z.string() },
    kind: z.enum(['junit', 'cobertura', 'lcov', 'sarif']),
    ...{ tests: tests.exactOptional(), coverage: z.object({ covered: count, lines: count }).exactOptional() },
  }),
]);

export type RecordedEvent = z.infer<typeof recordedEvent>;

/** Null for all others, and for what is no event. */
export function readRecordedEvent(line: string): RecordedEvent | null {
  try {
    return recordedEvent.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
