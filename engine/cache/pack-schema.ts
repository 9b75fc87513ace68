// The body of a pack, as JSON that came from elsewhere → records and a chain of keys whose shapes can be relied on.
import * as z from 'zod';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import type { JobRecord, KeyChain, StepRecord } from '../../src/model/record.ts';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const whole = z.int().min(0);
/** Becomes the name of a folder. */
const name = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/);
const texts = z.record(z.string(), z.string());
const base = { schema: z.literal(1), key: digest, at: whole, durationMs: whole };
const log = z.union([z.strictObject({ frames: z.base64() }), z.strictObject({ blob: digest })]);

/** Without its snapshot, whose id means nothing on another engine. */
const stepRecord = z.object({
  ...{ ...base, kind: z.literal('step'), outputs: texts, summary: z.string(), log },
  snapshotMs: whole.exactOptional(),
}) satisfies z.ZodType<StepRecord>;

const tree = { digest, tar: digest.exactOptional() };

const jobRecord = z.object({
  ...{ ...base, kind: z.literal('job'), outputs: texts },
  artifacts: z.array(z.object({ ...tree, name })),
  reports: z.array(z.object({ ...tree, name, kind: z.enum(['junit', 'cobertura', 'lcov', 'sarif']) })),
  finally: z.array(z.object({ durationMs: whole, summary: z.string(), log }).nullable()),
}) satisfies z.ZodType<JobRecord>;

const json: z.ZodType<JsonValue> = z.json();
const parts: z.ZodType<JsonObject & { readonly of: 'job' | 'step' | 'end' }> = z
  .object({ of: z.enum(['job', 'step', 'end']) })
  .catchall(json);
const keyChain: z.ZodType<KeyChain> = z.object({
  at: whole,
  links: z.array(z.object({ key: digest, parts, files: digest.exactOptional() })),
});

export const packBody = z.object({
  schema: z.literal(1),
  chain: keyChain,
  records: z.array(z.discriminatedUnion('kind', [stepRecord, jobRecord])),
  /** Of the step with this key; `bytes`: of its layers. The part is called `snapshot`. */
  snapshot: z.object({ key: digest, bytes: whole }).exactOptional(),
});

export type PackBody = z.infer<typeof packBody>;
