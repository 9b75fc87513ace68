// The smallest values of the pipeline language, each a schema that says what is wrong with one: names, texts, durations,
// sizes, patterns, image references.
import * as z from 'zod';
import type { DiagnosticCode } from './diagnostic.ts';
import { parseDuration } from './duration.ts';
import { globProblem } from './glob.ts';
import { imageProblem } from './image-reference.ts';
import { parseSize } from './size.ts';

/** What a refinement says of a value: the parser turns it into a diagnostic. */
export interface Problem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly hint?: string;
}

export const refine =
  <T>(problemOf: (value: T) => Problem | null) =>
  (value: T, context: z.RefinementCtx<T>): void => {
    const problem = problemOf(value);
    if (problem) context.addIssue({ code: 'custom', message: problem.message, params: { problem } });
  };

/** `shape` completes "expected …" when no branch fits. */
export const either = <const T extends readonly z.core.SomeType[]>(shape: string, options: T) =>
  z.union(options, { error: shape });

export const hasExpression = (text: string): boolean => text.includes('${{');

const name = (pattern: RegExp, rule: string) => z.string().regex(pattern, { error: rule });
export const identifier = name(
  /^[a-zA-Z_][a-zA-Z0-9_-]*$/,
  'a name starts with a letter or `_` and goes on with letters, digits, `_` and `-`',
);
export const variable = name(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  'this name starts with a letter or `_` and goes on with letters, digits and `_`',
);
export const envName = name(
  /^(?!LOCKSTEP_)[^=\0]+$/,
  'the name of a variable is not empty, holds no `=` and does not start with LOCKSTEP_',
);
export const artifactName = name(
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/,
  'an artifact name has at most 100 letters, digits, `_`, `-` and `.`, and no `.` or `-` first',
);
export const serviceName = name(
  /^(?!localhost$)[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$/,
  'a service name is a host name: letters, digits and `-`, at most 63, and not localhost',
);

const noNul = (text: string): Problem | null =>
  text.includes('\0') ? { code: 'wrong-type', message: 'this text holds a NUL character' } : null;

export const text = z.string().superRefine(refine(noNul));
export const filled = z.string().min(1).superRefine(refine(noNul));
export const script = z
  .string()
  .superRefine(
    refine((value) =>
      value.trim() === '' ? { code: 'wrong-type', message: 'this script is empty' } : noNul(value),
    ),
  )
  .describe('A script. `${{ }}` is refused inside it: pass values through `env`.');

const durationProblem = (value: string): Problem | null =>
  hasExpression(value) || parseDuration(value) !== null
    ? null
    : { code: 'invalid-duration', message: `'${value}' is no duration`, hint: 'write 90s, 20m or 1h30m' };
const durationText = z.string({ error: 'a duration such as 20m' });
export const duration = durationText.superRefine(refine(durationProblem));
export const bound = durationText.superRefine(
  refine((value) =>
    parseDuration(value) === 0
      ? { code: 'invalid-duration', message: 'a duration of zero leaves no time at all' }
      : durationProblem(value),
  ),
);

export const size = z
  .string({ error: 'a size such as 512MiB' })
  .superRefine(
    refine((value) =>
      parseSize(value)
        ? null
        : { code: 'invalid-size', message: `'${value}' is no size`, hint: 'write 512MiB or 2g' },
    ),
  );

export const glob = z.string().superRefine(
  refine((pattern) => {
    const path = pattern.replace(/^!/, '');
    if (path.startsWith('/') || path.split('/').includes('..')) {
      return {
        code: 'path-outside-workspace',
        message: `'${pattern}' leads out of the workspace`,
        hint: 'write a path relative to the root of the source',
      };
    }
    const problem = globProblem(pattern);
    return problem === null ? null : { code: 'invalid-glob', message: `'${pattern}': ${problem}` };
  }),
);
export const onePattern = glob.transform((pattern) => [pattern]);
const globShape = 'a pattern or a list of patterns';
export const globs = either(globShape, [onePattern, z.array(glob)]).describe(
  'Patterns: `*`, `**`, `?`, `[…]`, `{a,b}`; a leading `!` excludes.',
);
export const someGlobs = either(globShape, [onePattern, z.array(glob).min(1)]);

export const imageReference = z.string().superRefine(
  refine((value) => {
    const problem = hasExpression(value) ? null : imageProblem(value);
    return problem === null ? null : { code: 'invalid-image', message: problem };
  }),
);
