// The jobs of a plan → which would run if every job before them succeeds, and which only the run decides.
import type { Evaluator } from '../contract/evaluator.ts';
import type { Plan, PlannedJob } from '../model/plan.ts';
import type { Decision } from '../model/plan-preview.ts';
import { parseExpression } from './expression.ts';
import { unknownRead, type KnownScope } from './known-values.ts';

type Answer = { readonly holds: 'yes' } | { readonly holds: 'no' | 'maybe'; readonly because: string };

/** Names of jobs → names of secrets. */
export type Withheld = ReadonlyMap<string, readonly string[]>;

/** How a job may come out; more than one where only the run decides. */
type Fate = 'run' | 'condition' | 'needs' | 'secret-withheld';

interface Decided {
  readonly decision: Decision;
  readonly fates: readonly Fate[];
  /** Whether `success()` holds for whoever comes after it. */
  readonly lineage: Answer;
}

/** `scope` is that of a job's `if`; `withheld` has the secrets that jobs cannot get and cannot run without. */
export function decideJobs(
  plan: Plan,
  scope: KnownScope,
  evaluator: Evaluator,
  withheld: Withheld,
): ReadonlyMap<string, Decision> {
  const decided = new Map<string, Decided>();
  for (const job of plan.jobs) {
    const before = all(job.needs.map((need) => decided.get(need.job)?.lineage ?? fromElsewhere(need.job)));
    const secrets = withheld.get(job.name) ?? [];
    const { decision, fates } = decide(job, before, decided, scope, evaluator, secrets);
    decided.set(job.name, { decision, fates, lineage: all([before, lineageOf(job.name, fates)]) });
  }
  return new Map([...decided].map(([name, { decision }]) => [name, decision]));
}

const yes: Answer = { holds: 'yes' };
const fromElsewhere = (job: string): Answer => ({ holds: 'maybe', because: `'${job}' is of another run` });

/** No if one says no, else maybe if one says maybe. */
const all = (answers: readonly Answer[]): Answer =>
  answers.find(({ holds }) => holds === 'no') ?? answers.find(({ holds }) => holds === 'maybe') ?? yes;

/** A job that its own `if` skips does not stand in the way of `success()`. */
function lineageOf(job: string, fates: readonly Fate[]): Answer {
  const isInTheWay = (fate: Fate): boolean => fate === 'needs' || fate === 'secret-withheld';
  if (!fates.some(isInTheWay)) return yes;
  return fates.every(isInTheWay)
    ? { holds: 'no', because: `'${job}' is skipped` }
    : { holds: 'maybe', because: `'${job}' may be skipped` };
}

function decide(
  job: PlannedJob,
  before: Answer,
  decided: ReadonlyMap<string, Decided>,
  scope: KnownScope,
  evaluator: Evaluator,
  secrets: readonly string[],
): Pick<Decided, 'decision' | 'fates'> {
  const free: Answer = job.condition?.callsStatus
    ? yes
    : all([before, ...job.takesFrom.map((need) => taken(need, decided.get(need)))]);
  if (free.holds === 'no') {
    return { decision: { kind: 'skipped', reason: 'needs', because: free.because }, fates: ['needs'] };
  }
  const wanted = all([conditionHolds(job, scope, evaluator), hasInstances(job)]);
  const blocked: readonly Fate[] = free.holds === 'maybe' ? ['needs'] : [];
  if (wanted.holds === 'no') {
    const decision = { kind: 'skipped', reason: 'condition', because: wanted.because } as const;
    return { decision, fates: [...blocked, 'condition'] };
  }
  const unasked: readonly Fate[] = wanted.holds === 'maybe' || 'template' in job.matrix ? ['condition'] : [];
  if (secrets.length > 0) {
    const because = `a fork gets no ${secrets.join(', ')}`;
    const fates = [...blocked, ...unasked, 'secret-withheld'] as const;
    return { decision: { kind: 'skipped', reason: 'secret-withheld', because }, fates };
  }
  const open = all([free, wanted]);
  const decision: Decision =
    open.holds === 'yes' ? { kind: 'run' } : { kind: 'run-time', because: open.because };
  return { decision, fates: [...blocked, ...unasked, 'run'] };
}

function taken(need: string, of: Decided | undefined): Answer {
  if (!of) return fromElsewhere(need);
  if (!of.fates.includes('run')) return { holds: 'no', because: `it takes from '${need}', which is skipped` };
  return of.fates.length === 1
    ? yes
    : { holds: 'maybe', because: `it takes from '${need}', which may be skipped` };
}

const hasInstances = ({ matrix }: PlannedJob): Answer =>
  'instances' in matrix && matrix.instances.length === 0
    ? { holds: 'no', because: 'its matrix is empty' }
    : yes;

function conditionHolds(job: PlannedJob, scope: KnownScope, evaluator: Evaluator): Answer {
  const { condition } = job;
  if (condition === null) return yes;
  const because = `if: ${condition.expression}`;
  const parsed = parseExpression(condition.expression, 0);
  if ('problem' in parsed) return { holds: 'maybe', because };
  const { reads, calls } = parsed.value;
  const read = unknownRead(reads, scope);
  if (read !== null) return { holds: 'maybe', because: `${because} (reads ${read})` };
  const asked = calls.find(({ name }) => name === 'success' || name === 'failure' || name === 'cancelled');
  if (asked && job.needs.length > 0) return { holds: 'maybe', because: `${because} (asks ${asked.name}())` };
  const holds = evaluator.literalCondition(condition, scope);
  if (!holds.ok) return { holds: 'maybe', because: `${because} (${holds.failure.message})` };
  return holds.value ? yes : { holds: 'no', because };
}
