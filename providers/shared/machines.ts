// A plan → machines: each of its jobs, or each instance of a matrix, on one of its own.
import { matrixOf, matrixText } from '../../src/model/instance-name.ts';
import type { MatrixValues, Plan, PlannedJob } from '../../src/model/plan.ts';

export interface Machine {
  readonly id: string;
  readonly job: PlannedJob;
  /** Each on a machine of its own; null: all that there are run on one. */
  readonly instances: readonly MatrixValues[] | null;
  /** Why they run on one, for people. */
  readonly note: string | null;
}

/** `unforeseen`: jobs whose matrix may be another one in each run. */
export const machinesOf = (
  { jobs }: Plan,
  unforeseen: ReadonlySet<string>,
  id: (job: string) => string,
): readonly Machine[] => jobs.map((job) => ({ id: id(job.name), job, ...splitOf(job, unforeseen) }));

export const neededBy = ({ job }: Machine, machines: readonly Machine[]): readonly Machine[] =>
  machines.filter((other) => job.needs.some((need) => need.job === other.job.name));

/** Names of no more characters than that, distinct from those taken and from each other even where case does not count. */
export function namesWithout(reserved: readonly string[], longest: number): (name: string) => string {
  const taken = new Set(reserved);
  return (name) => {
    const short = Array.from(name)
      .slice(0, longest - 8)
      .join('');
    let free = short;
    for (let count = 2; taken.has(free.toLowerCase()); count++) free = `${short}-${count}`;
    taken.add(free.toLowerCase());
    return free;
  };
}

/** One a machine that leaves results. */
export const foldersOf = ({ id, instances }: Machine): readonly string[] =>
  instances === null ? [id] : instances.map((_, at) => `${id}.${at + 1}`);

/** Options of `run` that leave this instance alone. */
export const onlyWords = (values: MatrixValues): readonly string[] =>
  Object.entries(onlyOf(values)).flatMap(([key, text]) => ['--matrix', `${key}=${text}`]);

const onlyOf = (values: MatrixValues): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, matrixText(value)]));

function splitOf(job: PlannedJob, unforeseen: ReadonlySet<string>): Pick<Machine, 'instances' | 'note'> {
  const together = (why: string) => ({ instances: null, note: `All instances run here: ${why}.` });
  if ('template' in job.matrix) return together('which ones there are is known when the needed jobs ran');
  const { instances } = job.matrix;
  const [only] = instances;
  if (only === undefined || (instances.length === 1 && Object.keys(only).length === 0))
    return { instances: null, note: null };
  if (unforeseen.has(job.name)) return together('which ones there are depends on the event');
  if (job.failFast) return together('one that fails cancels the others (fail-fast)');
  const isOne = (values: MatrixValues) =>
    instances.filter((other) => matrixOf(other, onlyOf(values))).length === 1;
  if (!instances.every(isOne)) return together('--matrix cannot tell them apart');
  return { instances, note: null };
}

/** Whether the file is the usual one, which needs no naming. */
export const isUsualFile = ({ file }: Plan): boolean => file === 'lockstep.yml' || file === 'lockstep.yaml';

/** Comment lines at the top of a file that was made, each with a blank before it. */
export const madeBy = (plan: Plan, command: string): string =>
  [
    ` Made by Lockstep from ${plan.file}. Edits get lost: make it again when that changes, with`,
    `   ${command}`,
    ' With --check that command exits 1 when this file is stale.',
  ].join('\n');
