import { expect, it } from 'vitest';
import { nearestName, suggestion } from '../../../src/pipeline/nearest-name.ts';

it.each([
  ['biuld', ['lint', 'build'], 'build'],
  ['Build', ['build'], 'build'],
  ['nedds', ['name', 'needs'], 'needs'],
  ['arifacts', ['artifacts', 'inputs'], 'artifacts'],
  ['q', ['a'], null],
  ['deploy', ['build'], null],
  ['x', [], null],
])('%s among %j', (name, known, expected) => {
  expect(nearestName(name, known)).toBe(expected);
});

it('names what there is where nothing is near', () => {
  expect(suggestion('zzz', ['a', 'b'])).toBe('known: a, b');
  expect(suggestion('zzz', [])).toBeUndefined();
});
