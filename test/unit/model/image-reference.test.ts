import { describe, expect, it, test } from 'vitest';
import { imageProblem, pinnedDigest, withDigest } from '../../../src/model/image-reference.ts';

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

const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  ['node', 'node'],
  ['node:22', 'node'],
  ['localhost:5000/a/b:1', 'localhost:5000/a/b'],
  ['localhost:5000/a', 'localhost:5000/a'],
  [`r.example/a:1@sha256:${'b'.repeat(64)}`, 'r.example/a'],
])('%s by its digest', (reference, name) => {
  expect(withDigest(reference, digest)).toBe(`${name}@${digest}`);
  expect(imageProblem(withDigest(reference, digest))).toBeNull();
  expect(pinnedDigest(withDigest(reference, digest))).toBe(digest);
});

test('a tag pins nothing', () => {
  expect(pinnedDigest('node:22')).toBeNull();
  expect(pinnedDigest(`node@sha512:${'a'.repeat(128)}`)).toBeNull();
});
