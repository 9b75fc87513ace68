// Globs of the pipeline file → predicates over workspace paths, and what is known of a glob without matching.
// A glob matches a path when it matches the path itself or a folder above it: `dist`, `dist/` and `dist/**` are one.
import { GLOBSTAR, parseGlob, type Glob, type Segment } from './glob-pattern.ts';

/** What is wrong with a glob, to follow it in a sentence: `is empty`. Null: nothing. The others throw on a wrong one. */
export function globProblem(pattern: string): string | null {
  const glob = parseGlob(pattern);
  return typeof glob === 'string' ? glob : null;
}

/** Whether a glob is absolute or climbs by `..`: no path of the workspace is like that. */
export const leavesWorkspace = (pattern: string): boolean => validGlob(pattern).leaves;

/** The one path that a glob without wildcard, braces and `!` names: `./a//b/` is `a/b`, `.` is ''. Null: no such. */
export function literalPath(pattern: string): string | null {
  const { excludes, alternatives } = validGlob(pattern);
  const [only = []] = alternatives;
  return excludes || alternatives.length > 1 ? null : namedPath(only);
}

export const isLiteral = (pattern: string): boolean => literalPath(pattern) !== null;

/** The last glob that matches a path decides; one that none matches is not taken. */
export function compileGlobs(patterns: readonly string[]): (path: string) => boolean {
  const rules = patterns.map(compileGlob).reverse();
  return (path) => rules.find(({ matches }) => matches(path))?.takes ?? false;
}

/** The fewest wildcard-free paths at or below which lies all that the globs can match; '' is the whole workspace. */
export function staticPrefixes(patterns: readonly string[]): string[] {
  const prefixes = patterns
    .map(validGlob)
    .filter(({ excludes }) => !excludes)
    .flatMap(({ alternatives }) => alternatives.map(staticPrefix));
  const unique = [...new Set(prefixes)];
  return unique.filter((path) => !unique.some((above) => above !== path && isWithin(path, above)));
}

/** Whether the globs take `path` because one names it itself, without a wildcard, and no later one takes it away. */
export function namesWithoutWildcard(patterns: readonly string[], path: string): boolean {
  const named = patterns.findLastIndex((pattern) =>
    validGlob(pattern).alternatives.some(
      (segments) => !pattern.startsWith('!') && namedPath(segments) === path,
    ),
  );
  return named >= 0 && compileGlobs(patterns.slice(named))(path);
}

function compileGlob(pattern: string): { takes: boolean; matches: (path: string) => boolean } {
  const { excludes, alternatives } = validGlob(pattern);
  const [first = everything, ...others] = alternatives.map(compileSegments);
  const matches =
    others.length === 0
      ? first
      : (path: string): boolean => first(path) || others.some((matchesOther) => matchesOther(path));
  return { takes: !excludes, matches };
}

const everything = (): boolean => true;

function compileSegments(all: readonly Segment[]): (path: string) => boolean {
  const segments = all.slice(0, all.findLastIndex((segment) => segment !== GLOBSTAR) + 1);
  const path = namedPath(segments);
  if (path === '') return everything;
  if (path !== null) return (other) => isWithin(other, path);
  const source = segments
    .filter((segment, at) => segment !== GLOBSTAR || segments[at - 1] !== GLOBSTAR)
    .map((segment) => (segment === GLOBSTAR ? '(?:.*/)?' : `${segment.source}/`))
    .join('')
    .slice(0, -1);
  const expression = new RegExp(`^${source}(?:/|$)`, 'su');
  return (other) => expression.test(other);
}

const isWithin = (path: string, folder: string): boolean =>
  folder === '' || path === folder || path.startsWith(`${folder}/`);

/** Null where a segment has a wildcard. */
const namedPath = (segments: readonly Segment[]): string | null =>
  segments.some(({ text }) => text === null) ? null : segments.map(({ text }) => text).join('/');

function staticPrefix(segments: readonly Segment[]): string {
  const wild = segments.findIndex(({ text }) => text === null);
  return namedPath(wild < 0 ? segments : segments.slice(0, wild)) ?? '';
}

function validGlob(pattern: string): Glob {
  const glob = parseGlob(pattern);
  if (typeof glob === 'string') throw new Error(`glob ${JSON.stringify(pattern)} ${glob}`);
  return glob;
}
