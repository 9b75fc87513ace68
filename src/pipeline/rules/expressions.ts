// What each expression reads → what is not there to be read, or not at this place.
import type { Diagnostic } from '../../model/diagnostic.ts';
import { allowsStatus, contextNames, contextsAt, factsBelow, isFacts } from '../contexts.ts';
import { statusFunctions, type Expression, type Read, type Segment } from '../expression.ts';
import { nearestName, suggestion } from '../nearest-name.ts';
import type { MapNode, Span } from '../source.ts';
import { spanInTemplate, type UsedTemplate } from '../templates.ts';
import { namesAt, nodeAt, type Path } from '../tree.ts';
import { problem } from '../problem.ts';
import { jobNames, needsOf, runsEveryTime, type View } from '../view.ts';

export function* checkExpressions(view: View): Iterable<Diagnostic> {
  for (const used of view.templates) {
    for (const expression of used.expressions) {
      yield* checkCalls(view, used, expression);
      for (const read of expression.reads) yield* checkRead(view, used, expression, read);
    }
  }
}

/** The jobs in which a template is read: a default, and what all jobs have, in many. */
export function readersOf(root: MapNode, { path }: UsedTemplate): readonly string[] {
  const [top, name] = path;
  if (top === 'jobs') return [String(name)];
  const jobs = jobNames(root);
  return top === 'env' ? jobs : jobs.filter((job) => nodeAt(root, ['jobs', job, String(name)]) === null);
}

function* checkCalls(view: View, used: UsedTemplate, expression: Expression): Iterable<Diagnostic> {
  if (allowsStatus(used.place)) return;
  for (const { name, span } of expression.calls) {
    if (!statusFunctions.some((status) => status === name)) continue;
    const message = `${name}() is there only in an \`if\``;
    yield problem(view, inFile(view, used, span), 'invalid-expression', message);
  }
}

const inFile = (view: View, used: UsedTemplate, span: Span): Span =>
  spanInTemplate(view.text, used.node, used.text, span);

function* checkRead(
  view: View,
  used: UsedTemplate,
  expression: Expression,
  read: Read,
): Iterable<Diagnostic> {
  const say = (segment: { readonly span: Span }, message: string, hint?: string): Diagnostic =>
    problem(view, inFile(view, used, segment.span), 'unknown-context', message, hint);
  const { context } = read;
  const root = { span: { offset: read.span.offset, length: context.length } };
  const allowed = contextsAt[used.place];
  if (!contextNames.some((name) => name === context)) {
    yield say(root, `there is no '${context}' to read`, elsewhere[context] ?? suggestion(context, allowed));
  } else if (!allowed.some((name) => name === context)) {
    yield say(root, `'${context}' cannot be read here`, `here ${allowed.join(', ')} can be read`);
  } else if (isFacts(context)) {
    yield* checkFacts(view, used, read, context, say);
  } else if (context === 'params') {
    yield* checkParam(view, used, read);
  } else {
    for (const job of readersOf(view.root, used)) {
      if (context === 'matrix') yield* checkMatrix(view, job, read, say);
      if (context === 'needs') yield* checkNeed(view, used, expression, job, read, say);
      if (context === 'steps') yield* checkStep(view, used, job, read, say);
      if (context === 'env') yield* checkEnv(view, used, job, read);
    }
  }
}

type Say = (segment: { readonly span: Span }, message: string, hint?: string) => Diagnostic;

/** What people bring from other systems. */
const elsewhere: Readonly<Record<string, string>> = {
  secrets: 'a secret reaches a step by its name in `secrets`, as a variable or a file',
  github: 'the facts are in git, event and run',
  gitlab: 'the facts are in git, event and run',
  inputs: 'typed inputs are in params',
  vars: 'typed inputs are in params',
};

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

const has = (names: readonly string[], name: string): boolean => names.some((known) => sameName(known, name));

function* checkFacts(
  view: View,
  used: UsedTemplate,
  read: Read,
  context: 'git' | 'event' | 'run',
  say: Say,
): Iterable<Diagnostic> {
  const path: string[] = [];
  for (const segment of read.path) {
    if (segment.name === null) break;
    const known = factsBelow(context, path);
    if (!has(known, segment.name)) {
      yield say(
        segment,
        `'${[context, ...path].join('.')}' has no '${segment.name}'`,
        suggestion(segment.name, known),
      );
      return;
    }
    path.push(segment.name.toLowerCase());
  }
  if (context !== 'run') return;
  const reusable = readersOf(view.root, used).filter((job) => !alwaysRuns(view.root, job, used.path));
  if (reusable.length === 0) return;
  yield problem(
    view,
    inFile(view, used, read.span),
    'volatile-in-reusable-job',
    `'run' differs from run to run, but '${reusable[0] ?? ''}' may be answered from a record`,
    'say `reuse: false` there, or do without',
  );
}

/** Whether nothing that reads here is ever answered from a record. */
function alwaysRuns(root: MapNode, job: string, path: Path): boolean {
  if (runsEveryTime(root, ['jobs', job])) return true;
  const [, , list, index] = path;
  if (list !== 'steps' && list !== 'finally' && list !== 'outputs') return false;
  const count = list === 'steps' ? Number(index) + 1 : stepsOf(root, job, 'steps').length;
  return Array.from({ length: count }).some((_, step) => runsEveryTime(root, ['jobs', job, 'steps', step]));
}

function* checkParam(view: View, used: UsedTemplate, read: Read): Iterable<Diagnostic> {
  const [segment] = read.path;
  const known = namesAt(view.root, ['params']);
  if (segment?.name == null || has(known, segment.name)) return;
  yield problem(
    view,
    inFile(view, used, segment.span),
    'unknown-param',
    `there is no param '${segment.name}'`,
    suggestion(segment.name, known) ?? 'declare it under `params` at the top',
  );
}

function* checkMatrix(view: View, job: string, read: Read, say: Say): Iterable<Diagnostic> {
  const matrix = nodeAt(view.root, ['jobs', job, 'matrix']);
  const [segment] = read.path;
  if (matrix === null) {
    yield say(read, `'${job}' has no matrix`);
  } else if (matrix.kind === 'map' && segment?.name != null) {
    const known = matrixKeys(matrix);
    if (has(known, segment.name)) return;
    yield say(segment, `the matrix has no '${segment.name}'`, suggestion(segment.name, known));
  }
}

function matrixKeys(matrix: MapNode): readonly string[] {
  const axes = [...matrix.entries.keys()].filter((key) => key !== 'include' && key !== 'exclude');
  const include = nodeAt(matrix, ['include']);
  const entries = include?.kind === 'list' ? include.items : [];
  return [...axes, ...entries.flatMap((entry) => (entry.kind === 'map' ? [...entry.entries.keys()] : []))];
}

function* checkNeed(
  view: View,
  used: UsedTemplate,
  expression: Expression,
  job: string,
  read: Read,
  say: Say,
): Iterable<Diagnostic> {
  const [need, property, output] = read.path;
  if (need?.name == null) return;
  const { name } = need;
  const jobs = needsOf(view.root, job).map((entry) => entry.job);
  if (!has(jobs, name)) {
    const hint = has(jobNames(view.root), name) ? `add it to the needs of '${job}'` : suggestion(name, jobs);
    const message = `'${name}' is none of the needs of '${job}'`;
    yield problem(view, inFile(view, used, need.span), 'unknown-job', message, hint);
    return;
  }
  if (property?.name == null) return;
  if (!has(['outputs', 'status'], property.name)) {
    const hint = sameName(property.name, 'result') ? "did you mean 'status'?" : 'known: outputs, status';
    yield say(property, `a needed job has no '${property.name}'`, hint);
    return;
  }
  if (output?.name == null || !sameName(property.name, 'outputs')) return;
  yield* checkOutput(view, used, expression, read, jobs.find((known) => sameName(known, name)) ?? name, {
    ...output,
    name: output.name,
  });
}

function* checkOutput(
  view: View,
  used: UsedTemplate,
  expression: Expression,
  read: Read,
  job: string,
  output: Segment & { readonly name: string },
): Iterable<Diagnostic> {
  const known = namesAt(view.root, ['jobs', job, 'outputs']);
  if (nodeAt(view.root, ['jobs', job]) === null) return;
  if (!has(known, output.name)) {
    const message = `'${job}' has no output '${output.name}'`;
    const hint = suggestion(output.name, known);
    yield problem(view, inFile(view, used, output.span), 'unknown-output', message, hint);
    return;
  }
  const isList = nodeAt(view.root, ['jobs', job, 'matrix']) !== null && read.path.length === 3;
  const isWhole = expression.span.length === read.span.length + blanks(used, expression);
  if (isList && isWhole && used.place !== 'matrix' && !allowsStatus(used.place)) {
    const message = `'${job}' has a matrix, so its output is a list, where a text is wanted`;
    yield problem(view, inFile(view, used, read.span), 'wrong-type', message, 'use join(…) or toJSON(…)');
  }
}

function blanks(used: UsedTemplate, { span }: Expression): number {
  const text = used.text.slice(span.offset, span.offset + span.length);
  return text.length - text.trim().length;
}

interface NamedStep {
  readonly id: string | null;
  readonly list: 'steps' | 'finally';
  readonly index: number;
}

function stepsOf(root: MapNode, job: string, list: 'steps' | 'finally'): readonly NamedStep[] {
  const steps = nodeAt(root, ['jobs', job, list]);
  if (steps?.kind !== 'list') return [];
  return steps.items.map((step, index) => {
    const id = nodeAt(step, ['id']);
    return { id: id?.kind === 'scalar' ? String(id.value) : null, list, index };
  });
}

function* checkStep(view: View, used: UsedTemplate, job: string, read: Read, say: Say): Iterable<Diagnostic> {
  const [step, property] = read.path;
  if (step?.name == null) return;
  const { name } = step;
  const [, , list, index] = used.path;
  const steps = stepsOf(view.root, job, 'steps');
  const final = stepsOf(view.root, job, 'finally');
  const earlier =
    list === 'steps'
      ? steps.slice(0, Number(index))
      : [...steps, ...(list === 'finally' ? final.slice(0, Number(index)) : final)];
  const idsOf = (some: readonly NamedStep[]): readonly string[] =>
    some.flatMap(({ id }) => (id === null ? [] : [id]));
  if (!has(idsOf(earlier), name)) {
    const later = has(idsOf([...steps, ...final]), name);
    const message = later
      ? `step '${name}' does not come before this`
      : `no step before this has the id '${name}'`;
    yield say(step, message, later ? undefined : suggestion(name, idsOf(earlier)));
  } else if (property?.name != null && !has(stepProperties, property.name)) {
    yield say(property, `a step has no '${property.name}'`, suggestion(property.name, stepProperties));
  }
}

const stepProperties = ['outputs', 'outcome', 'exit-code'];

/** Look-ups ignore case, variables do not. */
function* checkEnv(view: View, used: UsedTemplate, job: string, read: Read): Iterable<Diagnostic> {
  const [segment] = read.path;
  if (segment?.name == null) return;
  const { name } = segment;
  const levels = envLevels(job, used.path);
  const names = new Set(levels.flatMap(({ path }) => namesAt(view.root, path)));
  const same = [...names].filter((known) => sameName(known, name));
  const span = inFile(view, used, segment.span);
  if (same.length > 1) {
    const message = `an expression cannot tell ${same.join(' from ')}: look-ups ignore case`;
    yield problem(view, span, 'invalid-expression', message);
  } else if (same.length === 0) {
    const nearest = nearestName(name, names);
    const hint =
      nearest === null
        ? `here only the \`env\` of ${levels.map(({ of }) => of).join(' and ')} can be read`
        : `did you mean '${nearest}'?`;
    const message = `no \`env\` that can be read here has '${name}', so this is empty`;
    yield { ...problem(view, span, 'unknown-variable', message, hint), severity: 'warning' };
  }
}

/** Each `env` that is known where the text is evaluated: those of one `env` do not see each other. */
function envLevels(job: string, [, , key, index, part]: Path): readonly { of: string; path: Path }[] {
  const levels: { of: string; path: Path }[] = [{ of: 'the file', path: ['env'] }];
  if (key === 'env' || key === 'if' || key === 'matrix') return levels;
  levels.push({ of: 'the job', path: ['jobs', job, 'env'] });
  const inStep = (key === 'steps' || key === 'finally') && index !== undefined && part === 'timeout';
  return inStep ? [...levels, { of: 'the step', path: ['jobs', job, key, index, 'env'] }] : levels;
}
