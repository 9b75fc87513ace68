// What zod says of a value → diagnostics in our words, at the precise key or value.
import type * as z from 'zod';
import type { Diagnostic, DiagnosticCode } from '../model/diagnostic.ts';
import type { Problem } from '../model/pipeline-values.ts';
import { isNamed, keyHint } from './key-hint.ts';
import { suggestion } from './nearest-name.ts';
import type { SourceNode, Span } from './source.ts';
import { keySpan, namesAt, nearestNode, nodeAt, type Path } from './tree.ts';

export type Issue = z.core.$ZodIssue;

/** For `safeParse`: the message of an unknown key is the list of those there are, to suggest one from. */
export const allowedKeys: z.core.$ZodErrorMap = (issue) => {
  const definition = issue.code === 'unrecognized_keys' ? issue.inst?._zod.def : undefined;
  const shape: unknown = definition && 'shape' in definition ? definition.shape : null;
  return typeof shape === 'object' && shape !== null ? Object.keys(shape).join(' ') : undefined;
};

export function describeIssues(leaves: readonly Leaf[], root: SourceNode, file: string): Diagnostic[] {
  const unknown = new Map(
    leaves.flatMap(({ issue, path }) =>
      issue.code === 'unrecognized_keys' ? [[path.join('\0'), issue] as const] : [],
    ),
  );
  return leaves
    .filter(({ path }) => {
      const beside = unknown.get(path.slice(0, -1).join('\0'));
      return !beside || nodeAt(root, path) !== null || !standsForMissing(beside, path, root);
    })
    .flatMap((leaf) => describe(leaf, root, file));
}

/** Whether a key that is missing is there in other words: one problem, not two. */
function standsForMissing(unknown: UnknownKeys, path: Path, root: SourceNode): boolean {
  const missing = String(path.at(-1));
  const holder = path.slice(0, -1);
  const holdsNoOther = holder.length > 0 && namesAt(root, holder).length === unknown.keys.length;
  return holdsNoOther || unknown.keys.some((key) => isNamed(missing, hintOf(key, unknown) ?? ''));
}

type UnknownKeys = z.core.$ZodIssueUnrecognizedKeys;

const hintOf = (key: string, { message }: UnknownKeys): string | undefined =>
  keyHint(key, message.split(' '));

export interface Leaf {
  readonly issue: Issue;
  readonly path: Path;
}

/** Of a union's branches the issues of the one that is of the value's kind; those of the union itself where none is. */
export function leavesOf(issues: readonly Issue[], root: SourceNode, before: Path = []): readonly Leaf[] {
  return issues.flatMap((issue) => {
    const path = [...before, ...issue.path.map((segment) => (typeof segment === 'symbol' ? '' : segment))];
    if (issue.code !== 'invalid_union') return [{ issue, path }];
    const node = nodeAt(root, path);
    const branch = issue.errors.find((inner) => !inner.some((one) => isOfAnotherKind(one, node)));
    return branch ? leavesOf(branch, root, path) : [{ issue, path }];
  });
}

function isOfAnotherKind(issue: Issue, node: SourceNode | null): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_value') return node?.kind !== 'scalar';
  if (issue.code === 'invalid_type') return true;
  return (
    issue.code === 'invalid_union' &&
    issue.errors.every((issues) => issues.some((inner) => isOfAnotherKind(inner, node)))
  );
}

function describe({ issue, path }: Leaf, root: SourceNode, file: string): Diagnostic[] {
  const node = nodeAt(root, path);
  const say = (code: DiagnosticCode, message: string, hint?: string, span?: Span): Diagnostic => ({
    severity: 'error',
    code,
    message,
    location: { file, ...(span ?? nearestNode(root, path).span) },
    ...(hint !== undefined && { hint }),
  });
  const missing = (): Diagnostic =>
    say(
      'missing-key',
      `the key '${String(path.at(-1))}' is missing`,
      undefined,
      keySpan(root, path.slice(0, -1)),
    );
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        say(
          'unknown-key',
          `there is no key '${key}' here`,
          hintOf(key, issue),
          keySpan(root, [...path, key]),
        ),
      );
    case 'invalid_type':
    case 'invalid_union': {
      if (!node) return [missing()];
      const expected =
        issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')
          ? (kinds[issue.expected] ?? issue.expected)
          : issue.message;
      return [
        say('wrong-type', `expected ${expected}, found ${kindOf(node)}`, howTo(expected, node, path.at(-1))),
      ];
    }
    case 'invalid_value':
      return [node ? say(...invalidValue(issue.values.map(String), path, node)) : missing()];
    case 'invalid_key':
      return [say('invalid-name', issue.issues[0]?.message ?? issue.message, undefined, keySpan(root, path))];
    case 'invalid_format':
      return [say('invalid-name', issue.message)];
    case 'custom': {
      const problem: unknown = issue.params?.problem;
      if (isProblem(problem)) return [say(problem.code, problem.message, problem.hint)];
      return [say('wrong-type', issue.message)];
    }
    case 'too_small':
    case 'too_big':
      return [say('wrong-type', bound(issue))];
    case 'not_multiple_of':
    case 'invalid_element':
      return [say('wrong-type', issue.message)];
  }
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function kindOf(node: SourceNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a mapping';
  if (node.value === null) return 'nothing';
  return typeof node.value === 'string' ? 'a text' : String(node.value);
}

function howTo(expected: string, node: SourceNode, key: string | number | undefined): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) return undefined;
  const { value } = node;
  if (typeof value === 'string') return expected.includes('list') ? asList(value, key) : undefined;
  if (expected.includes('text')) return 'quote it';
  const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
  return isCount && expected.includes('duration') ? `write ${value}m or ${value}s` : undefined;
}

/** A script is one item; other lists hold words. */
function asList(text: string, key: string | number | undefined): string {
  const isPlain = /^[\w./@$*-][^\n:#,'"`{}[\]]*$/.test(text) && text.length <= 60;
  if (typeof key !== 'string' || !isPlain) return 'write a list: […]';
  const items = key === 'steps' || key === 'finally' ? text : text.split(/\s+/).join(', ');
  return `write a list: ${key}: [${items}]`;
}

function invalidValue(
  allowed: readonly string[],
  path: Path,
  node: SourceNode,
): [code: DiagnosticCode, message: string, hint?: string] {
  const value = node.kind === 'scalar' ? String(node.value) : kindOf(node);
  if (path.length === 1 && path[0] === 'version') {
    return [
      'unsupported-version',
      `version ${value} of the language is not known`,
      `write version: ${allowed.join()}`,
    ];
  }
  const hint = node.kind === 'scalar' ? suggestion(value, allowed) : undefined;
  const message = `expected one of ${allowed.join(', ')}, found ${value}`;
  return hint === undefined || hint.startsWith('known')
    ? ['wrong-type', message]
    : ['wrong-type', message, hint];
}

const isProblem = (value: unknown): value is Problem =>
  typeof value === 'object' && value !== null && 'code' in value && 'message' in value;

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (issue.origin === 'string') return 'this text is empty';
  if (issue.origin === 'array') return 'this list is empty';
  if (issue.code === 'too_big') return `expected at most ${issue.maximum}`;
  return issue.inclusive ? `expected at least ${issue.minimum}` : `expected more than ${issue.minimum}`;
}
