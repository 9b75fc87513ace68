import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortTree, treeDigest, type TreeEntry } from '../../../src/model/tree.ts';

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const tree: TreeEntry[] = [
  { type: 'file', path: 'b/run', executable: true, digest: digestOf('b'), size: 1 },
  { type: 'link', path: 'link', target: 'b/run' },
  { type: 'folder', path: 'empty' },
  { type: 'file', path: 'a\udcff', executable: false, digest: digestOf('a'), size: 1 },
];

describe('digest of a tree', () => {
  it('is what the documentation says, byte by byte', () => {
    const bytes = Buffer.concat([
      Buffer.from('lockstep-tree-1\0fa'),
      Buffer.of(0xff),
      Buffer.from(`\0${digestOf('a')}\0xb/run\0${digestOf('b')}\0dempty\0\0llink\0b/run\0`),
    ]);
    expect(treeDigest(tree)).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  });

  it('stays what it was (golden)', () => {
    expect(treeDigest(tree)).toBe('sha256:c2a57058484b97f370d5e21f0b073f2698b53c1901a36f1614239bef0e4acdb8');
    expect(treeDigest([])).toBe('sha256:3b26ea0d3bb6d66676464d2f24d8aa53a9d6a11a89d294f73591f41b5349643f');
  });

  it('does not depend on the order', () =>
    fc.assert(
      fc.property(
        fc.shuffledSubarray(tree, { minLength: tree.length, maxLength: tree.length }),
        (shuffled) => {
          expect(treeDigest(shuffled)).toBe(treeDigest(tree));
          expect(sortTree(shuffled).map(({ path }) => path)).toEqual(['a\udcff', 'b/run', 'empty', 'link']);
        },
      ),
    ));

  it('depends on everything else', () => {
    const file = { type: 'file', path: 'p', executable: false, digest: digestOf('x'), size: 1 } as const;
    const variants: TreeEntry[][] = [
      [],
      [file],
      [{ ...file, path: 'q' }],
      [{ ...file, executable: true }],
      [{ ...file, digest: digestOf('y') }],
      [{ type: 'link', path: 'p', target: file.digest }],
      [{ type: 'link', path: 'p', target: '' }],
      [{ type: 'folder', path: 'p' }],
      [file, { ...file, path: 'q' }],
    ];
    expect(new Set(variants.map(treeDigest)).size).toBe(variants.length);
  });

  it('takes a tree of many entries in one piece', () => {
    const many = Array.from({ length: 5000 }, (_, at): TreeEntry => ({
      type: 'folder',
      path: `folder-${at}`,
    }));
    const text = `lockstep-tree-1\0${sortTree(many)
      .map(({ path }) => `d${path}\0\0`)
      .join('')}`;
    expect(treeDigest(many)).toBe(digestOf(text));
  });
});

it('says the same of a frozen list, again and again, and of one that grew what it is then', () => {
  const one = { type: 'folder', path: 'a' } as const;
  const frozen = Object.freeze([one]);
  expect([treeDigest(frozen), treeDigest(frozen)]).toEqual([treeDigest([one]), treeDigest([one])]);
  const growing = [one];
  const before = treeDigest(growing);
  growing.push(one);
  expect(treeDigest(growing)).not.toBe(before);
});
