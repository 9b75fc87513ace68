// What a pipeline asks for and cannot be done yet, at its place.
import { describe, expect, it } from 'vitest';
import { unsupportedYet } from '../../../src/pipeline/not-yet.ts';
import { describeAll, example, load } from './sample.ts';

describe('unsupportedYet', () => {
  it('names nothing that can be done', () => {
    const loaded = load(example);
    const places = (jobs: string[]) => describeAll(unsupportedYet(loaded, jobs), example);
    expect(places(['lint', 'test', 'build', 'release'])).toEqual([]);
  });

  it('sees defaults, services and logins', () => {
    const text = `version: 1
secrets: [S]
caches: { c: { path: /c } }
defaults: { image: { ref: x, auth: { username: u, password-secret: S } }, caches: [c] }
jobs:
  a: { steps: [x] }
  b: { image: y, caches: [], steps: [x], services: { d: { image: { ref: z, auth: { username: u, password-secret: S } }, secrets: [S] } } }`;
    expect(describeAll(unsupportedYet(load(text), ['a', 'b']), text)).toEqual([
      'not-yet@4:30 auth',
      'not-yet@7:76 auth',
    ]);
    expect(describeAll(unsupportedYet(load(text), ['a']), text)).toEqual(['not-yet@4:30 auth']);
  });
});
