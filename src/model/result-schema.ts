// The shape of `result.json` as a zod schema: the only source of its types. Only who reads one loads it.
import * as z from 'zod';

const jobStatus = z.enum(['success', 'failure', 'cancelled', 'skipped']);
export const stepStatus = z.enum(['success', 'failure', 'cancelled', 'skipped', 'timeout']);
const runStatuses = z.enum(['success', 'failure', 'cancelled']);

/** Why a job is not a success. `needs` is tested before `condition`. */
const jobReason = z.enum([
  'step-failed',
  'timeout',
  'cancelled',
  'needs',
  'condition',
  'configuration',
  'service-failed',
  'secret-in-artifact',
  'secret-withheld',
  'artifact-missing',
  'environment',
]);

const stepResult = z.object({
  name: z.string(),
  status: stepStatus,
  /** Absent for a step that never started or that we stopped. */
  'exit-code': z.number().exactOptional(),
});

/** As the pipeline file has them: both become names of folders. */
const artifactName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/);
const instanceId = z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*(\[.*\])?$/s);

const jobResult = z.object({
  status: jobStatus,
  'allowed-failure': z.boolean(),
  reason: jobReason.exactOptional(),
  /** Image digest, `sha256:…`; absent when the job never got that far. */
  image: z.string().exactOptional(),
  outputs: z.record(z.string(), z.string()),
  /** Name → digest of the artifact's tree, `sha256:…`. */
  artifacts: z.record(artifactName, z.string()),
  /** `steps` in order, then `finally`. */
  steps: z.array(stepResult).readonly(),
});

export const runResultSchema = z.object({
  schema: z.literal(1),
  pipeline: z.string().nullable(),
  platform: z.enum(['linux/amd64', 'linux/arm64']),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** Digest of the source tree, `sha256:…`. */
  source: z.string(),
  status: runStatuses,
  /** By instance name, e.g. `test[node=22]`. */
  jobs: z.record(instanceId, jobResult),
});

export type JobStatus = z.infer<typeof jobStatus>;
export type StepStatus = z.infer<typeof stepStatus>;
export type RunStatus = z.infer<typeof runStatuses>;
export type JobReason = z.infer<typeof jobReason>;
export type StepResult = Readonly<z.infer<typeof stepResult>>;
export type JobResult = Readonly<z.infer<typeof jobResult>>;
export type RunResult = Readonly<z.infer<typeof runResultSchema>>;
