// Jobs of a plan → the secrets they would use, and the jobs that cannot run without one.
import type { Plan, PlannedJob } from './plan.ts';

/** Granted to the jobs, their steps or their services; sorted. */
export const secretsUsedBy = (
  jobs: readonly Pick<PlannedJob, 'secrets' | 'steps' | 'finally' | 'services'>[],
): readonly string[] => {
  const users = jobs.flatMap((job) => [job, ...job.steps, ...job.finally, ...Object.values(job.services)]);
  return [...new Set(users.flatMap(({ secrets }) => secrets))].sort();
};

/** Of the jobs that need a required secret: which ones, by the job's name. What they can do without is not there either. */
export const jobsInNeedOfSecrets = (
  plan: Pick<Plan, 'jobs' | 'secrets'>,
): ReadonlyMap<string, readonly string[]> =>
  new Map(
    plan.jobs
      .map((job) => [job.name, secretsUsedBy([job]).filter((name) => plan.secrets[name]?.required)] as const)
      .filter(([, names]) => names.length > 0),
  );

/** A change request whose author may not see the secrets of the repository that it asks to change. */
export const isFromFork = ({ context }: Pick<Plan, 'context'>): boolean =>
  context.event['pull-request']?.fork === true;
