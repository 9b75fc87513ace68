// Archives by another hand than ours, and what is collected of them in a folder of each test's own.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, expect } from 'vitest';
import { collectTree, treeOfFolder, type TarStream } from '../../../engine/archive.ts';
import { compileGlobs, staticPrefixes } from '../../../src/model/glob.ts';
import { ok, type Outcome } from '../../../src/model/failure.ts';
import { type TreeEntry } from '../../../src/model/tree.ts';

/** Filled before each test of a file that calls `folderForEach`. */
export const rig = {} as {
  base: string;
  /** Where it is collected; not there before. */
  into: string;
};

export function folderForEach(): void {
  beforeEach(() => {
    rig.base = mkdtempSync(join(tmpdir(), 'lockstep-archive-'));
    rig.into = join(rig.base, 'run/artifacts/a');
  });
  afterEach(() => {
    rmSync(rig.base, { recursive: true, force: true });
  });
}

export type Item = Partial<Header> & { readonly name: string; readonly content?: string };

/** A tar by another hand than ours. */
export async function tarOf(...items: Item[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of items) {
    tar.entry(header, (header.type ?? 'file') === 'file' ? content : '');
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

export async function* inPieces(bytes: Buffer, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

export type Archives = Record<string, Buffer | TarStream>;

/** Collects what the globs match from archives by the path they were asked for with. */
export async function collect(archives: Archives, globs: string[] = ['**']): Promise<Outcome<TreeEntry[]>> {
  const asked: string[] = [];
  const tree = await collectTree({
    prefixes: staticPrefixes(globs),
    select: compileGlobs(globs),
    into: rig.into,
    get: (path) => {
      asked.push(path);
      const archive = archives[path] ?? null;
      return Promise.resolve(ok(archive !== null && Buffer.isBuffer(archive) ? inPieces(archive) : archive));
    },
  });
  // Not readdirSync, nor without types: they follow links, and two to their own folder would never end.
  const left = await readdir(rig.base, { recursive: true, withFileTypes: true });
  expect(left.filter(({ name }) => name.includes('partial'))).toEqual([]);
  if (!tree.ok) expect(existsSync(rig.into)).toBe(false);
  else expect(await treeOfFolder(rig.into)).toEqual(tree);
  return tree;
}

export const paths = (tree: Outcome<TreeEntry[]>): string[] =>
  tree.ok ? tree.value.map(({ type, path }) => `${type} ${path}`) : [tree.failure.code, tree.failure.message];

export const codeOf = (tree: Outcome<TreeEntry[]>): string => (tree.ok ? 'none' : tree.failure.code);
