// A valid file, looked at in full → what a plan is made of: plain JSON, so that it can be kept and no file is parsed twice.
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Pipeline } from '../model/pipeline.ts';
import type { Condition } from '../model/plan.ts';
import { contextsAt } from './contexts.ts';
import { parseCondition, statusFunctions } from './expression.ts';
import { factsIn, outputsIn, readsByJob } from './facts-read.ts';
import { unsupportedIn } from './not-yet.ts';
import type { Span } from './source.ts';
import { keySpan, namesAt } from './tree.ts';
import { spanAt, type View } from './view.ts';

export interface LoadedPipeline {
  readonly file: string;
  readonly pipeline: Pipeline;
  readonly hasExpressions: boolean;
  /** Paths of facts that expressions read, e.g. `git.sha` and `event.pull-request.number`, sorted. */
  readonly facts: readonly string[];
  /** By the text of each `if`. */
  readonly conditions: Readonly<Record<string, Condition>>;
  /** Where each param is declared. */
  readonly params: Readonly<Record<string, Span>>;
  readonly jobs: Readonly<Record<string, LoadedJob>>;
}

export interface LoadedJob {
  /** Those that the defaults and the `env` of all jobs read are among them. */
  readonly facts: readonly string[];
  /** Those of its needs whose outputs its expressions read, or may read. */
  readonly readsOutputsOf: readonly string[];
  readonly matrix: LoadedMatrix | null;
  /** What it uses and this version cannot do. */
  readonly notYet: readonly Diagnostic[];
}

interface LoadedMatrix {
  /** Whether it reads nothing but what is known when the plan is made, and the same in every run of it. */
  readonly isKnownNow: boolean;
  readonly span: Span;
  readonly keys: Readonly<Record<string, Span>>;
}

/** Of a view without errors. */
export function loadView(view: View): LoadedPipeline {
  const { file, root, pipeline, templates } = view;
  const reads = readsByJob(view);
  const loadJob = (name: string): LoadedJob => {
    const own = reads.get(name) ?? [];
    const needs = (pipeline.jobs[name]?.needs ?? []).map((need) => need.job);
    return {
      facts: [...factsIn(own)],
      readsOutputsOf: outputsIn(own, needs),
      matrix: pipeline.jobs[name]?.matrix === undefined ? null : loadMatrix(view, name),
      notYet: unsupportedIn(view, name),
    };
  };
  const byName = <T>(names: readonly string[], valueOf: (name: string) => T): Readonly<Record<string, T>> =>
    Object.fromEntries(names.map((name) => [name, valueOf(name)]));
  const conditions = Object.values(pipeline.jobs)
    .flatMap((job) => [job, ...job.steps, ...(job.finally ?? [])])
    .flatMap((part) => (part.if === undefined ? [] : [planCondition(part.if)]));
  const allReads = templates.flatMap(({ expressions }) =>
    expressions.flatMap((expression) => expression.reads),
  );
  return {
    file,
    pipeline,
    hasExpressions: templates.length + conditions.length > 0,
    facts: [...factsIn(allReads)],
    conditions: Object.fromEntries(conditions),
    params: byName(Object.keys(pipeline.params ?? {}), (name) => keySpan(root, ['params', name])),
    jobs: byName(Object.keys(pipeline.jobs), loadJob),
  };
}

const planCondition = (text: string): readonly [string, Condition] => {
  const parsed = parseCondition(text);
  if ('problem' in parsed) throw new Error(`a condition that was not checked: ${parsed.problem.message}`);
  const { span, calls } = parsed.value;
  const expression = text.slice(span.offset, span.offset + span.length).trim();
  return [text, { expression, callsStatus: calls.some(({ name }) => isStatus(name)) }];
};

const isStatus = (name: string): boolean => statusFunctions.some((status) => status === name);

function loadMatrix(view: View, job: string): LoadedMatrix {
  const path = ['jobs', job, 'matrix'];
  const reads = view.templates
    .filter((used) => used.place === 'matrix' && used.path[1] === job)
    .flatMap(({ expressions }) => expressions.flatMap((expression) => expression.reads));
  return {
    isKnownNow: reads.every((read) => contextsAt['matrix-value'].some((name) => name === read.context)),
    span: spanAt(view, path),
    keys: Object.fromEntries(namesAt(view.root, path).map((key) => [key, spanAt(view, [...path, key])])),
  };
}
