// What V8 made of each part when it was built: it saves a quarter of a short run, and nothing else tells that it is lost.
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { launcher } from '../rig/cli.ts';

const root = join(dirname(launcher), '..');
const dist = join(root, 'dist');
/** The launcher's. */
const node = (...words: string[]): string =>
  execFileSync(join(root, 'node_modules', '.bin', 'node'), words, { encoding: 'utf8' });

// What the action is made of has no such thing: the runner's V8 is not ours.
const rejected = `
  const { readdirSync, readFileSync } = require('node:fs');
  const { Script } = require('node:vm');
  process.chdir(${JSON.stringify(dist)});
  const parts = readdirSync('.').filter((name) => /^(?!action|.*-thread).*\\.js$/.test(name));
  const isRejected = (name) =>
    new Script(readFileSync(name, 'utf8'), { cachedData: readFileSync(name + '.code') }).cachedDataRejected;
  console.log(JSON.stringify({ all: parts.length, rejected: parts.filter(isRejected).length }));
`;
/** Compiled under other flags is as good as compiled by another V8. */
const otherFlags = '--no-opt';

test('V8 takes what was compiled for every part', () => {
  const { all, ...found } = JSON.parse(node('-e', rejected)) as { all: number; rejected: number };
  expect(all).toBeGreaterThan(10);
  expect(found).toEqual({ rejected: 0 });
});

test('another V8 takes none of it, and all runs as ever', () => {
  const found = JSON.parse(node(otherFlags, '-e', rejected)) as { all: number; rejected: number };
  expect(found.rejected).toBe(found.all);
  expect(node(otherFlags, join(dist, 'start.cjs'), 'schema')).toBe(node(join(dist, 'start.cjs'), 'schema'));
});
