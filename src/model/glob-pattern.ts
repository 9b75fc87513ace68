// The text of one glob → its alternatives, each a list of segments; or what is wrong with it.
// Own code since picomatch reads `(auth)` as a group and `[!a]` as two things, lets `[a/]` match a slash and `?` half a
// character. Syntax: `*` `?` `[…]` `{a,b}` within a segment, `**` as one, a leading `!`, a backslash to escape.

/** What stands between two slashes: `text` when it can be one name only, `source` as a regular expression. */
export interface Segment {
  readonly text: string | null;
  readonly source: string;
}

export interface Glob {
  readonly excludes: boolean;
  /** Absolute, or climbs by `..`. */
  readonly leaves: boolean;
  /** One for each way through the braces. Empty segments and `.` are left out. */
  readonly alternatives: readonly (readonly Segment[])[];
}

/** One object for every `**`, which is no pattern of one name: it is known by being this one. */
export const GLOBSTAR: Segment = { text: null, source: '**' };

const MAX_ALTERNATIVES = 1000;

/** An escape, a class, or a single character. What looks like a part of one of the first two and is not, is a problem. */
const TOKEN = /\\[^/]|\[[!^]?\]?(?:\\[^/]|[^\]\\/])*\]|./gsu;

/** A string is the problem, to follow the pattern in a sentence: `is empty`. */
export function parseGlob(pattern: string): Glob | string {
  const excludes = pattern.startsWith('!');
  const tokens = pattern.slice(excludes ? 1 : 0).match(TOKEN) ?? [];
  if (tokens.length === 0) return 'is empty';
  const problem = tokens.map(tokenProblem).find((found) => found !== null);
  if (problem !== undefined) return problem;
  const texts = expandBraces(tokens);
  if (typeof texts === 'string') return texts;
  if (texts.some((text) => text.length === 0)) return 'is empty in one of its alternatives';
  const alternatives = texts.map(toSegments);
  const leaves =
    texts.some(([first]) => first === '/') || alternatives.flat().some(({ text }) => text === '..');
  return { excludes, leaves, alternatives };
}

function tokenProblem(token: string): string | null {
  if (token === '\0') return 'holds a NUL';
  if (token === '\\') return 'has a backslash with nothing to escape';
  if (token === '[') return "has a '[' that is never closed";
  if (token === ']') return "has a ']' that closes nothing (for the character itself write '\\]')";
  if (!token.startsWith('[')) return null;
  const ranges = classRanges(token);
  if (ranges.length === 0) return "has an empty '[]'";
  return ranges.some(([from, to]) => from > to) ? `has a range that runs backwards: ${token}` : null;
}

function expandBraces(tokens: readonly string[]): string[][] | string {
  /** Where a group stands: its finished alternatives, the one being read, and what came before the group. */
  const outer: { before: string[][]; finished: string[][] }[] = [];
  let current: string[][] = [[]];
  for (const token of tokens) {
    const group = outer.at(-1);
    if (token === '{') {
      outer.push({ before: current, finished: [] });
      current = [[]];
    } else if (token === ',' && group !== undefined) {
      group.finished.push(...current);
      current = [[]];
    } else if (token === '}') {
      if (group === undefined) return "has a '}' that closes nothing (for the character itself write '\\}')";
      if (group.finished.length === 0)
        return "has braces without a comma (for the characters write '\\{' and '\\}')";
      const ways = [...group.finished, ...current];
      if (ways.length * group.before.length > MAX_ALTERNATIVES)
        return `stands for more than ${MAX_ALTERNATIVES} patterns`;
      current = group.before.flatMap((before) => ways.map((way) => [...before, ...way]));
      outer.pop();
    } else {
      for (const one of current) one.push(token);
    }
  }
  return outer.length > 0 ? "has a '{' that is never closed" : current;
}

function toSegments(tokens: readonly string[]): Segment[] {
  const segments: Segment[] = [];
  let segment: string[] = [];
  for (const token of [...tokens, '/']) {
    if (token !== '/') {
      segment.push(token);
      continue;
    }
    const text = segment.join('');
    if (text === '**') segments.push(GLOBSTAR);
    else if (text !== '' && text !== '.') segments.push(toSegment(segment));
    segment = [];
  }
  return segments;
}

const toSegment = (tokens: readonly string[]): Segment => ({
  text: tokens.some(isWild) ? null : tokens.map(unescaped).join(''),
  source: tokens
    .filter((token, at) => token !== '*' || tokens[at - 1] !== '*')
    .map(tokenSource)
    .join(''),
});

const isWild = (token: string): boolean => token === '*' || token === '?' || isClass(token);

/** A lone `[` is a problem, an escaped one starts with the backslash. */
const isClass = (token: string): boolean => token.startsWith('[');

const unescaped = (token: string): string => (token.startsWith('\\') ? token.slice(1) : token);

function tokenSource(token: string): string {
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (!isClass(token)) return codeSource(unescaped(token));
  const ranges = classRanges(token).map(([from, to]) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`);
  return `(?!/)[${isNegated(token) ? '^' : ''}${ranges.join('')}]`;
}

const codeSource = (character: string): string => `\\u{${codeOf(character).toString(16)}}`;

const codeOf = (character: string): number => character.codePointAt(0) ?? 0;

const isNegated = (token: string): boolean => /^\[[!^]/.test(token);

/** First and last code point of each range of a class such as `[!a-z_]`. */
function classRanges(token: string): (readonly [number, number])[] {
  const inner = token.slice(isNegated(token) ? 2 : 1, -1);
  return Array.from(inner.matchAll(/(\\.|.)(?:-(\\.|.))?/gsu), ([, from = '', to = from]) => [
    codeOf(unescaped(from)),
    codeOf(unescaped(to)),
  ]);
}
