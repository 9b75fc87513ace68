// `inputs.json` and `run.json` of a run folder, and the reading of all three files: they may come from another machine.
// Only who reads one loads this; who writes one takes the types.
import * as z from 'zod';
import { runResultSchema, type RunResult } from './result-schema.ts';

const names = z.array(z.string()).readonly();
const digests = z.record(z.string(), z.string());

const runInputsSchema = z.object({
  schema: z.literal(1),
  /** Jobs named on the command line (empty: all), the `--matrix` values, and whether needs ran too. */
  selection: z.object({ jobs: names, matrix: z.record(z.string(), z.string()), needs: z.boolean() }),
  file: z.string(),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** Facts that the jobs read, e.g. `git.sha`. */
  facts: z.record(z.string(), z.unknown()),
  source: z.object({
    digest: z.string(),
    /** Mode as git writes it (100644, 100755, 120000), digest of the content or of the link's target. */
    files: z.array(z.object({ path: z.string(), mode: z.string(), digest: z.string() })),
  }),
  /** Instance → image digest. */
  images: digests,
  /** Instance's job → names of the env that its file grants. */
  env: z.record(z.string(), names),
  /** Names of the secrets that were there. */
  secrets: names,
  /** Every job of the file with its needs: what a merge must find. */
  graph: z.record(z.string(), names),
  /** Per job with a matrix known beforehand: all instances of a whole run, in their order. */
  matrices: z.record(z.string(), names),
  /** Instances that this run has, in its order. */
  instances: names,
  /** Per job: whether it and all before it succeeded, and whether one of them failed. */
  lineage: z.record(z.string(), z.object({ success: z.boolean(), failure: z.boolean() })),
});

const reuse = z.enum(['all', 'prefix', 'none']);

const runTimesSchema = z.object({
  id: z.string(),
  provider: z.string(),
  digest: z.string(),
  started: z.string(),
  finished: z.string(),
  'duration-ms': z.number(),
  jobs: z.record(
    z.string(),
    z.object({
      attempts: z.number(),
      'duration-ms': z.number(),
      reused: reuse,
      steps: z.array(z.object({ 'duration-ms': z.number(), reused: z.boolean() })),
    }),
  ),
});

export type RunInputs = z.infer<typeof runInputsSchema>;
export type RunTimes = z.infer<typeof runTimesSchema>;

/** Each throws, with what is wrong, on text that is not such a file. */
export const parseRunInputs = (text: string): RunInputs => runInputsSchema.parse(JSON.parse(text));
export const parseRunTimes = (text: string): RunTimes => runTimesSchema.parse(JSON.parse(text));
export const parseRunResult = (text: string): RunResult => runResultSchema.parse(JSON.parse(text));
