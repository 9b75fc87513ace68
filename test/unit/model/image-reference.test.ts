import { describe, expect, it } from 'vitest';
import { imageProblem } from '../../../src/model/image-reference.ts';

describe('imageProblem', () => {
  it.each([
    'busybox',
    'node:24-bookworm-slim',
    'ghcr.io/org/app:v1.2_3',
    'localhost:5000/a/b',
    '[::1]:5000/a',
    'Registry.example/a',
    `node@sha256:${'a'.repeat(64)}`,
    `node:24@sha256:${'a'.repeat(64)}`,
    'a__b/c--d',
  ])('%s is one', (reference) => {
    expect(imageProblem(reference)).toBeNull();
  });

  it.each([
    ['', /empty/],
    ['no de', /white space/],
    ['Node:24', /lower case/],
    ['node:', /no image reference/],
    ['node:24:1', /no image reference/],
    ['/node', /no image reference/],
    ['node@sha256:12', /no image reference/],
    [`n${'o'.repeat(600)}de`, /no image reference/],
  ])('%j is none', (reference, why) => {
    expect(imageProblem(reference)).toMatch(why);
  });
});
