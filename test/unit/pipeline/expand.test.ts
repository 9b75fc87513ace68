import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import { expandMatrix } from '../../../src/pipeline/expand.ts';

const rows = (matrix: JsonValue) => {
  const expanded = expandMatrix(matrix);
  return 'instances' in expanded ? expanded.instances : expanded.problem.code;
};

describe('expandMatrix', () => {
  it('multiplies, the first key slowest', () => {
    expect(rows({ os: ['a', 'b'], v: [1, 2] })).toEqual([
      { os: 'a', v: 1 },
      { os: 'a', v: 2 },
      { os: 'b', v: 1 },
      { os: 'b', v: 2 },
    ]);
  });

  it('excludes what has all the values of an entry', () => {
    expect(rows({ os: ['a', 'b'], v: [1, 2], exclude: [{ os: 'a', v: 2 }, { os: 'b' }] })).toEqual([
      { os: 'a', v: 1 },
    ]);
  });

  // The example of GitHub's documentation.
  it('includes as GitHub does', () => {
    const include = [
      { color: 'green' },
      { color: 'pink', animal: 'cat' },
      { fruit: 'apple', shape: 'circle' },
      { fruit: 'banana' },
      { fruit: 'banana', animal: 'cat' },
    ];
    expect(rows({ fruit: ['apple', 'pear'], animal: ['cat', 'dog'], include })).toEqual([
      { fruit: 'apple', animal: 'cat', color: 'pink', shape: 'circle' },
      { fruit: 'apple', animal: 'dog', color: 'green', shape: 'circle' },
      { fruit: 'pear', animal: 'cat', color: 'pink' },
      { fruit: 'pear', animal: 'dog', color: 'green' },
      { fruit: 'banana' },
      { fruit: 'banana', animal: 'cat' },
    ]);
  });

  it('makes a combination of each entry where there is nothing else', () => {
    expect(rows({ include: [{ site: 'a' }, { site: 'b' }] })).toEqual([{ site: 'a' }, { site: 'b' }]);
  });

  it('puts keys that only include brings last', () => {
    const expanded = rows({ a: [1], include: [{ x: 1, a: 2 }] });
    expect(typeof expanded === 'string' ? [] : Object.keys(expanded[1] ?? {})).toEqual(['a', 'x']);
  });

  it('brings excluded ones back by include', () => {
    expect(rows({ a: [1, 2], exclude: [{ a: 2 }], include: [{ a: 2, b: 3 }] })).toEqual([
      { a: 1 },
      { a: 2, b: 3 },
    ]);
  });

  it('keeps names of objects apart from values', () => {
    const expected: JsonObject[] = [{ toString: 1, valueOf: 2 }, { toString: 3 }];
    const include: JsonObject[] = [{ valueOf: 2 }, { toString: 3 }];
    expect(rows({ toString: [1], include })).toEqual(expected);
  });

  it('does not write out a product that nobody can hold', () => {
    const values = Array.from({ length: 1000 }, (_, index) => index);
    expect(rows({ a: values, b: values, c: values, d: values })).toBe('matrix-too-large');
  });
});

it('agrees with a slow reading of the rules', () => {
  const value = fc.constantFrom<JsonValue>('x', 'y', 1, true, null);
  const axis = fc.uniqueArray(value, { maxLength: 3, selector: String });
  const entry = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { maxKeys: 3 });
  fc.assert(
    fc.property(
      axis,
      axis,
      fc.array(entry, { maxLength: 4 }),
      fc.array(entry, { maxLength: 3 }),
      (a, b, include, exclude) => {
        const only = exclude.map(({ c: _c, d: _d, ...rest }) => rest);
        const expected = slowly(a, b, include, only);
        const names = expected.map((row) => JSON.stringify(Object.entries(row).map(String).sort()));
        fc.pre(new Set(names).size === names.length);
        expect(rows({ a, b, include, exclude: only })).toEqual(expected);
      },
    ),
  );
});

/** Each entry is held against each combination, value by value. */
function slowly(a: JsonValue[], b: JsonValue[], include: JsonObject[], exclude: JsonObject[]): JsonObject[] {
  const fits = (entry: JsonObject, row: JsonObject): boolean =>
    Object.keys(entry).every((key) => !(key === 'a' || key === 'b') || entry[key] === row[key]);
  const originals = a.flatMap((x) => b.map((y) => ({ a: x, b: y })));
  const kept = originals.filter((row) => !exclude.some((entry) => fits(entry, row)));
  const extended = kept.map((row) =>
    include
      .filter((entry) => fits(entry, row))
      .reduce<JsonObject>((sum, entry) => ({ ...sum, ...entry }), row),
  );
  return [...extended, ...include.filter((entry) => !kept.some((row) => fits(entry, row)))];
}
