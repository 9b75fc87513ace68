// The artifact sink contract as a suite: run by every implementation and every fake.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf, isExecutable, joinPath, parentOf } from '../../engine/disk-tree.ts';
import type { ArtifactSink, PublishedArtifact, PublishReceipt } from '../../src/contract/artifact-sink.ts';
import { decodePath, diskPath, encodePath } from '../../src/model/path-bytes.ts';
import type { TreeEntry } from '../../src/model/tree.ts';

export interface ArtifactSinkUnderTest {
  readonly open: () => Promise<ArtifactSink>;
  /** What lies in the folder after a person downloaded the artifact and unpacked it. */
  readonly download: (as: string, folder: string) => Promise<void>;
  /** Of all that is published. */
  readonly names: () => readonly string[];
  readonly remove: () => void | Promise<void>;
}

/** By path: what kind, and its content or its target. */
type Tree = Readonly<Record<string, readonly ['file' | 'program' | 'link' | 'folder', string]>>;

const dayMs = 24 * 3600_000;
const forever = new AbortController().signal;

export function artifactSinkContract(name: string, make: () => Promise<ArtifactSinkUnderTest>): void {
  describe(`artifact sink: ${name}`, () => {
    let place: ArtifactSinkUnderTest;
    let sink: ArtifactSink;
    let parent: string;

    beforeEach(async () => {
      place = await make();
      sink = await place.open();
      parent = mkdtempSync(join(tmpdir(), 'lockstep-artifact-test-'));
    });
    afterEach(async () => {
      await place.remove();
      rmSync(parent, { recursive: true, force: true });
    });

    const artifact = (tree: Tree, names: { job?: string; name?: string } = {}): PublishedArtifact => {
      const folder = mkdtempSync(join(parent, 'in-'));
      const entries = Object.entries(tree).map((one) => layOut(folder, ...one));
      return { job: 'build', name: 'app', ...names, folder, entries, expireMs: dayMs };
    };
    const publish = (tree: Tree, names?: { job?: string; name?: string }) =>
      sink.publish(artifact(tree, names), forever);
    const download = async (as: string): Promise<Tree> => {
      const folder = mkdtempSync(join(parent, 'out-'));
      await place.download(as, folder);
      return readTree(folder);
    };
    /** What comes out when it goes in. */
    const through = async (tree: Tree): Promise<Tree> => download(nameOf(await publish(tree)));

    it('gives files back, hidden ones and deep ones and all their bytes', async () => {
      const tree: Tree = {
        'index.html': ['file', '<p>'],
        '.hidden/.file': ['file', 'h'],
        'a/b/c/d': ['file', ''],
        'large.bin': ['file', 'x'.repeat(3_000_001)],
        'ünï cödé': ['file', 'u'],
        '-rf': ['file', 'dash'],
      };
      expect(await through(tree)).toEqual(tree);
    });

    it('keeps executable bits, links and empty folders', async () => {
      const tree: Tree = {
        'bin/tool': ['program', '#!/bin/sh'],
        'bin/alias': ['link', 'tool'],
        nowhere: ['link', '/does/not/exist'],
        'empty/inside': ['folder', ''],
        'notes.txt': ['file', 'n'],
      };
      expect(await through(tree)).toEqual(tree);
    });

    it('keeps names that only some systems can have', async () => {
      const names = ['a:b', 'a"b', 'a\nb', 'a\\nb', 'a*?b', '<a|b>', 'a\ttab', 'not \udcff utf-8', ' space '];
      const tree: Tree = Object.fromEntries(names.map((path) => [path, ['file', `of ${path}`]]));
      expect(await through(tree)).toEqual(tree);
    });

    it('publishes what has nothing in it', async () => {
      expect(await through({})).toEqual({});
    });

    it('publishes nothing but the entries', async () => {
      const one = artifact({ kept: ['file', 'k'] });
      writeFileSync(join(one.folder, 'other'), 'o');
      expect(await download(nameOf(await sink.publish(one, forever)))).toEqual({ kept: ['file', 'k'] });
    });

    it('keeps names apart that would become one, many at once', async () => {
      const jobs = ['a/b', 'a-b', 'a:b', 'a\\b', 'test[node=22]', 'j'.repeat(300), `${'j'.repeat(300)}k`];
      const receipts = await Promise.all(jobs.map((job) => publish({ job: ['file', job] }, { job })));
      const names = receipts.map(nameOf);
      expect(new Set(names).size).toBe(jobs.length);
      for (const [index, as] of names.entries())
        expect(await download(as)).toEqual({ job: ['file', jobs[index]] });
    });

    it('publishes nothing of an artifact that is not whole', async () => {
      const plain = artifact({ here: ['file', 'h'], gone: ['file', 'g'] }, { name: 'plain' });
      const packed = artifact({ here: ['program', 'h'], gone: ['file', 'g'] }, { name: 'packed' });
      for (const { folder } of [plain, packed]) rmSync(join(folder, 'gone'));
      expect((await sink.publish(plain, forever)).kind).toBe('refused');
      expect((await sink.publish(packed, forever)).kind).toBe('refused');
      expect(place.names()).toEqual([]);
    });

    it('publishes nothing after a cancel', async () => {
      const receipt = await sink.publish(artifact({ a: ['file', 'a'] }), AbortSignal.abort());
      expect(receipt.kind).toBe('outage');
      expect(place.names()).toEqual([]);
    });
  });
}

function nameOf(receipt: PublishReceipt): string {
  if (receipt.kind !== 'published') throw new Error(receipt.message);
  return receipt.as;
}

function layOut(folder: string, path: string, [kind, text]: Tree[string]): TreeEntry {
  mkdirSync(diskPath(folder, kind === 'folder' ? path : parentOf(path)), { recursive: true });
  const onDisk = diskPath(folder, path);
  switch (kind) {
    case 'folder':
      return { type: 'folder', path };
    case 'link':
      symlinkSync(text, onDisk);
      return { type: 'link', path, target: text };
    case 'file':
    case 'program': {
      const content = encodePath(text);
      const executable = kind === 'program';
      writeFileSync(onDisk, content);
      chmodSync(onDisk, executable ? 0o755 : 0o644);
      return { type: 'file', path, executable, digest: digestOf(content), size: content.length };
    }
  }
}

function readTree(folder: string, below = ''): Tree {
  const tree: Record<string, Tree[string]> = {};
  const names = readdirSync(diskPath(folder, below), { encoding: 'buffer' }).map(decodePath);
  if (names.length === 0 && below !== '') tree[below] = ['folder', ''];
  for (const name of names) {
    const path = joinPath(below, name);
    const onDisk = diskPath(folder, path);
    const stat = lstatSync(onDisk);
    if (stat.isDirectory()) Object.assign(tree, readTree(folder, path));
    else if (stat.isSymbolicLink()) tree[path] = ['link', readlinkSync(onDisk)];
    else tree[path] = [isExecutable(stat.mode) ? 'program' : 'file', decodePath(readFileSync(onDisk))];
  }
  return tree;
}
