import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compileGlobs,
  globProblem,
  isLiteral,
  leavesWorkspace,
  literalPath,
  namesWithoutWildcard,
  staticPrefixes,
} from '../../../src/model/glob.ts';

const matches = (patterns: string | string[], path: string): boolean => compileGlobs([patterns].flat())(path);

describe('what a glob matches', () => {
  it.each([
    ['src/**', 'src/a/b.ts'],
    ['src', 'src/a/b.ts'],
    ['src/', 'src/a'],
    ['./src//a/', 'src/a/x'],
    ['.', 'any/thing'],
    ['**', '.hidden/.file'],
    ['*', '.env'],
    ['*', 'folder/below'],
    ['src/*', 'src/folder/below'],
    ['**/*.js', 'a.js'],
    ['**/*.js', 'x/y/a.js'],
    ['a/**/b', 'a/b'],
    ['a/**/b', 'a/x/y/b/c'],
    ['a/**/**/b', 'a/b'],
    ['a?c', 'a\u{1f600}c'],
    ['a?c', 'a\udc80c'],
    ['[!a]x', 'bx'],
    ['[^a]x', 'bx'],
    ['[]a]x', ']x'],
    ['[a-c_-]', '-'],
    ['[\\]]', ']'],
    ['{src,test/{a,b}}/*.ts', 'test/b/x.ts'],
    ['package{,-lock}.json', 'package.json'],
    ['app/(auth)/*', 'app/(auth)/page.tsx'],
    ['app/\\[id\\].tsx', 'app/[id].tsx'],
    ['a**b', 'axxb'],
    ['x+y@(a)|$^.*', 'x+y@(a)|$^.z'],
    ['a,b', 'a,b'],
    ['\\!a', '!a'],
    ['-*', '-rf'],
    ['"*\'', '"quoted\''],
    ['a*z', 'a\n\nz'],
    ['**/z', 'a\nb/z'],
    ['*.txt', 'caf\u00e9.txt'],
  ])('%j takes %j', (pattern, path) => expect(matches(pattern, path)).toBe(true));

  it.each([
    ['src', 'srcx'],
    ['src', 'a/src'],
    ['src/*', 'src'],
    ['*.js', 'x/a.js'],
    ['a?c', 'a/c'],
    ['a*c', 'a/c'],
    ['[!a]x', 'ax'],
    ['a[+-9]c', 'a/c'],
    ['a[!x]c', 'a/c'],
    ['a**b', 'a/b'],
    ['a.c', 'abc'],
    ['A', 'a'],
    ['\\*', 'x'],
    ['!a', 'a'],
    ['!a', 'b'],
    ['app/(auth)/*', 'app/auth/x'],
  ])('%j leaves %j', (pattern, path) => expect(matches(pattern, path)).toBe(false));

  it('lets the last match decide', () => {
    const globs = ['**', '!docs', 'docs/keep/*', '!**/*.tmp'];
    expect(matches(globs, 'src/a')).toBe(true);
    expect(matches(globs, 'docs/a')).toBe(false);
    expect(matches(globs, 'docs/keep/a')).toBe(true);
    expect(matches(globs, 'docs/keep/a.tmp')).toBe(false);
    expect(matches([], 'a')).toBe(false);
  });
});

describe('what is known without matching', () => {
  it.each([
    ['', 'is empty'],
    ['!', 'is empty'],
    ['a\0', 'NUL'],
    ['a[b', "'[' that is never closed"],
    ['[a/b]', "'[' that is never closed"],
    ['a]b', "']' that closes nothing"],
    ['{a,b', "'{' that is never closed"],
    ['a}', "'}' that closes nothing"],
    ['{a}', 'without a comma'],
    ['{a,}', 'empty in one of its alternatives'],
    ['[]', "empty '[]'"],
    ['[!]', "empty '[]'"],
    ['[z-a]', 'backwards'],
    ['a\\', 'backslash'],
    ['a\\/b', 'backslash'],
    ['{a,b}'.repeat(12), 'more than 1000'],
  ])('%j: %s', (pattern, problem) => expect(globProblem(pattern)).toContain(problem));

  it.each(['a', '**', '!x', '[a-z]', '{a,b}', '{a,{b,c}}/d', '\\[', 'a,b'])('%j is fine', (pattern) =>
    expect(globProblem(pattern)).toBeNull(),
  );

  it.each(['/a', '..', 'a/../b', '!../x', '{a,..}/b', '{a,}/b'])('%j leaves the workspace', (pattern) =>
    expect(leavesWorkspace(pattern)).toBe(true),
  );
  it.each(['a', '...', 'a..b/..c', './a'])('%j stays in it', (pattern) =>
    expect(leavesWorkspace(pattern)).toBe(false),
  );

  it('tells the path a glob names', () => {
    expect(literalPath('./a//b/')).toBe('a/b');
    expect(literalPath('a\\*')).toBe('a*');
    expect(['a*', 'a?', '[a]', '{a,b}', '**', '!a'].filter(isLiteral)).toEqual([]);
  });

  it('finds the fewest paths that hold all matches', () => {
    expect(staticPrefixes(['dist/**', 'dist/a/*.js', 'reports/*.xml', '!x'])).toEqual(['dist', 'reports']);
    expect(staticPrefixes(['{a,b}/c*', 'a/x.txt', 'ab'])).toEqual(['a', 'b', 'ab']);
    expect(staticPrefixes(['a', '*.js'])).toEqual(['']);
    expect(staticPrefixes(['!a'])).toEqual([]);
  });

  it('tells a file that is named from one that is only matched', () => {
    const named = (...globs: string[]): boolean => namesWithoutWildcard(globs, 'lockstep.yml');
    expect(named('./lockstep.yml')).toBe(true);
    expect(named('{package,lockstep}.yml')).toBe(true);
    expect(named('**', 'lockstep.y*', '.')).toBe(false);
    expect(named('lockstep.yml', '!*.yml')).toBe(false);
    expect(named('!*.yml', 'lockstep.yml', '**')).toBe(true);
    expect(named('!lockstep.yml')).toBe(false);
  });
});

/** The rules told slowly: every way through the braces is tried, then letter by letter, then folder by folder. */
function slowMatches(patterns: readonly string[], path: string): boolean {
  let taken = false;
  const parents = path.split('/').map((_, at, parts) => parts.slice(0, at + 1));
  for (const pattern of patterns) {
    const body = pattern.replace(/^!/, '').split('/').filter(Boolean);
    while (body.at(-1) === '**') body.pop();
    if (body.length === 0 || parents.some((parent) => slowPath(body, parent)))
      taken = !pattern.startsWith('!');
  }
  return taken;
}

function slowPath([glob, ...globs]: string[], path: string[]): boolean {
  if (glob === undefined) return path.length === 0;
  if (glob === '**')
    return slowPath(globs, path) || (path.length > 0 && slowPath(['**', ...globs], path.slice(1)));
  return (
    path[0] !== undefined && slowName(Array.from(glob), Array.from(path[0])) && slowPath(globs, path.slice(1))
  );
}

function slowName([glob, ...globs]: string[], name: string[]): boolean {
  if (glob === undefined) return name.length === 0;
  if (glob === '*')
    return slowName(globs, name) || (name.length > 0 && slowName(['*', ...globs], name.slice(1)));
  return name[0] !== undefined && (glob === '?' || glob === name[0]) && slowName(globs, name.slice(1));
}

describe('for any globs and paths', () => {
  const letters = ['a', 'b', '.', '(', '+', '\n', '\u{1f600}', '\udc80'];
  const text = (units: string[]) =>
    fc.array(fc.constantFrom(...units), { minLength: 1, maxLength: 4 }).map((all) => all.join(''));
  const name = text(letters).filter((one) => one !== '.' && one !== '..');
  const segment = fc.oneof(
    fc.constant('**'),
    text([...letters, '*', '?', '*']).filter((one) => !/^\.\.?$/.test(one)),
  );
  const pattern = fc
    .tuple(fc.constantFrom('', '', '!'), fc.array(segment, { minLength: 1, maxLength: 4 }))
    .map(([sign, segments]) => sign + segments.join('/'));
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
  const globs = fc.array(pattern, { minLength: 1, maxLength: 4 });

  it('agrees with the slow reference', () =>
    fc.assert(
      fc.property(globs, path, (patterns, one) => {
        expect(matches(patterns, one)).toBe(slowMatches(patterns, one));
      }),
      { numRuns: 2000 },
    ));

  it('matches nothing outside the static prefixes', () =>
    fc.assert(
      fc.property(globs, path, (patterns, one) => {
        if (!matches(patterns, one)) return;
        expect(
          matches(
            staticPrefixes(patterns).map((prefix) => prefix || '.'),
            one,
          ),
        ).toBe(true);
      }),
    ));

  it('says what is wrong, or compiles', () =>
    fc.assert(
      fc.property(text(Array.from('ab![]{},\\/*-^\0').concat(letters)), path, (anything, one) => {
        if (globProblem(anything) === null) expect(typeof matches(anything, one)).toBe('boolean');
      }),
      { numRuns: 2000 },
    ));
});
