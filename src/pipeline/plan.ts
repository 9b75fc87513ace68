// A valid pipeline, the facts and what the command line asks for → the plan, or what is wrong with the request.
import type { Evaluator } from '../contract/evaluator.ts';
import type { CiContext } from '../model/ci-context.ts';
import type { Diagnostic, DiagnosticCode } from '../model/diagnostic.ts';
import { instanceName, matrixOf } from '../model/instance-name.ts';
import type { Pipeline } from '../model/pipeline.ts';
import type { MatrixValues, ParamValue, Plan, PlannedJob } from '../model/plan.ts';
import { orderJobs } from './job-order.ts';
import { suggestion } from './nearest-name.ts';
import { resolveMatrix } from './matrix.ts';
import { emptyParam, paramProblem, readParam } from './params.ts';
import type { LoadedPipeline } from './loaded.ts';
import { planBody, planNeeds } from './plan-job.ts';
import { problem } from './problem.ts';

export interface PlanRequest {
  /** Names of jobs; none means all. */
  readonly jobs: readonly string[];
  /** `--matrix key=value`: narrows the jobs asked for, not what they need. */
  readonly matrix: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly context: CiContext;
  /** False: only the jobs asked for, their needs come from elsewhere. */
  readonly withNeeds: boolean;
}

type Params = Readonly<Record<string, ParamValue>>;

/** No plan when any of the diagnostics is an error. */
export function planPipeline(
  loaded: LoadedPipeline,
  request: PlanRequest,
  evaluator: Evaluator,
): { plan: Plan | null; diagnostics: Diagnostic[] } {
  const { pipeline } = loaded;
  const { params, diagnostics } = resolveParams(loaded, request.params);
  const selection = selectJobs(loaded, request);
  diagnostics.push(...selection.diagnostics);
  if (diagnostics.length > 0) return { plan: null, diagnostics };

  const jobs: PlannedJob[] = [];
  const matrices = new Map<string, PlannedJob['matrix']>();
  const instances: Record<string, readonly string[]> = {};
  for (const name of selection.order) {
    const resolved = resolveMatrix(loaded, name, { params, context: request.context }, evaluator);
    if ('diagnostic' in resolved) {
      diagnostics.push(resolved.diagnostic);
      continue;
    }
    if ('instances' in resolved.matrix) {
      instances[name] = resolved.matrix.instances.map((values) => instanceName(name, values));
    }
    if (selection.asked.has(name)) matrices.set(name, resolved.matrix);
    const asked = selection.asked.has(name) ? request.matrix : {};
    jobs.push(planJob(loaded, name, narrow(resolved.matrix, asked)));
  }
  diagnostics.push(...checkNarrowing(matrices, request.matrix));
  if (diagnostics.length > 0) return { plan: null, diagnostics };
  const plan: Plan = {
    pipeline: pipeline.name ?? null,
    file: loaded.file,
    platform: pipeline.platform ?? 'linux/amd64',
    params,
    env: pipeline.env ?? {},
    secrets: planSecrets(pipeline.secrets),
    context: request.context,
    factsRead: [...new Set(selection.order.flatMap((name) => loaded.jobs[name]?.facts ?? []))].sort(),
    graph: graphOf(loaded),
    instances,
    jobs,
  };
  return { plan, diagnostics };
}

const planSecrets = (declared: Pipeline['secrets'] = {}): Plan['secrets'] =>
  Object.fromEntries(
    Object.entries(declared).map(([name, { description, required = true, file = false, guard = true }]) => [
      name,
      { ...(description !== undefined && { description }), required, file, guard },
    ]),
  );

const graphOf = ({ pipeline }: LoadedPipeline): Plan['graph'] =>
  Object.fromEntries(
    Object.entries(pipeline.jobs).map(([name, job]) => [name, (job.needs ?? []).map((need) => need.job)]),
  );

const requestProblem = (code: DiagnosticCode, message: string, hint?: string): Diagnostic => ({
  severity: 'error',
  code,
  message,
  ...(hint !== undefined && { hint }),
});

function resolveParams(
  loaded: LoadedPipeline,
  given: PlanRequest['params'],
): { params: Params; diagnostics: Diagnostic[] } {
  const declared = loaded.pipeline.params ?? {};
  const params: Record<string, ParamValue> = {};
  const diagnostics: Diagnostic[] = [];
  for (const name of Object.keys(given).filter((key) => !Object.hasOwn(declared, key))) {
    const hint =
      suggestion(name, Object.keys(declared)) ?? 'declare it under `params` at the top of the file';
    diagnostics.push(requestProblem('unknown-param', `there is no param '${name}'`, hint));
  }
  for (const [name, param] of Object.entries(declared)) {
    const text = Object.hasOwn(given, name) ? given[name] : undefined;
    if (text === undefined) {
      if (param.default === undefined && param.required === true) {
        const message = `the param '${name}' has no value`;
        const span = loaded.params[name] ?? { offset: 0, length: 0 };
        diagnostics.push(problem(loaded, span, 'param-value', message, `give it one: --param ${name}=…`));
      }
      params[name] = param.default ?? emptyParam(param);
      continue;
    }
    const value = readParam(param, text);
    const wrong = paramProblem(param, value);
    if (wrong !== null) diagnostics.push(requestProblem('param-value', `param '${name}': ${wrong}`));
    params[name] = value;
  }
  return { params, diagnostics };
}

interface Selection {
  readonly asked: ReadonlySet<string>;
  /** All jobs of the plan, each after its needs. */
  readonly order: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

function selectJobs(loaded: LoadedPipeline, request: PlanRequest): Selection {
  const graph = graphOf(loaded);
  const names = Object.keys(graph);
  const diagnostics = request.jobs
    .filter((job) => !names.includes(job))
    .map((job) => requestProblem('unknown-job', `there is no job '${job}'`, jobHint(job, names)));
  const asked = new Set(request.jobs.length === 0 ? names : request.jobs);
  const { order } = orderJobs(names, (job) => graph[job] ?? []);
  if (diagnostics.length > 0) return { asked, order: [], diagnostics };
  const wanted = new Set(asked);
  if (request.withNeeds) {
    for (const job of order.toReversed()) {
      if (wanted.has(job)) for (const need of graph[job] ?? []) wanted.add(need);
    }
  }
  return { asked, order: order.filter((job) => wanted.has(job)), diagnostics };
}

function jobHint(job: string, names: readonly string[]): string | undefined {
  const instance = /^([^[]+)\[([^,]+)/.exec(job);
  if (instance?.[1] && names.includes(instance[1]))
    return `write ${instance[1]} --matrix ${(instance[2] ?? '').replace(/\]$/, '')}`;
  return suggestion(job, names);
}

function planJob(loaded: LoadedPipeline, name: string, matrix: Narrowed): PlannedJob {
  const { jobs } = loaded.pipeline;
  const job = jobs[name];
  if (job === undefined) throw new Error(`a selected job that is not there: ${name}`);
  const needs = planNeeds(job, jobs);
  const names = needs.map((need) => need.job);
  const taken = needs.filter((need) => need.artifacts.length > 0).map((need) => need.job);
  const takesFrom = names.filter(
    (need) => taken.includes(need) || loaded.jobs[name]?.readsOutputsOf.includes(need) === true,
  );
  return { name, needs, takesFrom, ...matrix, ...planBody(job, loaded) };
}

type Narrowed = Pick<PlannedJob, 'matrix' | 'only'>;

const keysOf = (instances: readonly MatrixValues[]): readonly string[] => [
  ...new Set(instances.flatMap((values) => Object.keys(values))),
];

/** A job is narrowed by those of the keys that its matrix has. */
function narrow(matrix: PlannedJob['matrix'], asked: PlannedJob['only']): Narrowed {
  if ('template' in matrix) return { matrix, only: asked };
  const keys = keysOf(matrix.instances);
  const only = Object.fromEntries(Object.entries(asked).filter(([key]) => keys.includes(key)));
  return { matrix: { instances: matrix.instances.filter((values) => matrixOf(values, only)) }, only };
}

/** What `--matrix` asks for and no job has; a matrix that only the run knows may have anything. */
function checkNarrowing(
  matrices: ReadonlyMap<string, PlannedJob['matrix']>,
  asked: PlanRequest['matrix'],
): readonly Diagnostic[] {
  const known = [...matrices].flatMap(([job, matrix]) =>
    'instances' in matrix ? [{ job, instances: matrix.instances, keys: keysOf(matrix.instances) }] : [],
  );
  const allKnown = known.length === matrices.size;
  const keys = [...new Set(known.flatMap((matrix) => matrix.keys))];
  const unknown = allKnown ? Object.keys(asked).filter((key) => !keys.includes(key)) : [];
  const empty = known.filter(({ instances }) => {
    const narrowed = narrow({ instances }, asked).matrix;
    return instances.length > 0 && 'instances' in narrowed && narrowed.instances.length === 0;
  });
  return [
    ...unknown.map((key) =>
      requestProblem('unknown-key', `no matrix of a job asked for has '${key}'`, suggestion(key, keys)),
    ),
    ...empty.map(({ job, instances }) => {
      const names = instances.map((values) => instanceName(job, values));
      const hint = names.length <= 12 ? `there is ${names.join(', ')}` : undefined;
      return requestProblem('param-value', `no instance of '${job}' has these matrix values`, hint);
    }),
  ];
}
