import { expect, it } from 'vitest';
import { leavesTree } from '../../../engine/link-target.ts';

const leaves = (links: Record<string, string>, path = 'l'): boolean => leavesTree(path, (at) => links[at]);

it.each([
  ['absolute', { l: '/etc/passwd' }],
  ['upwards', { l: '..' }],
  ['through a folder', { l: 'a/b/../../../x' }],
  ['through another link', { l: 'a/b/d/../../x', 'a/b/d': '../../top' }],
  ['by way of a link that leaves', { l: 'm/x', m: '../out' }],
  ['by way of an absolute link', { l: 'm/x', m: '/' }],
])('%s: leaves', (_, links) => expect(leaves(links)).toBe(true));

it.each([
  ['a neighbour', { l: 'a' }],
  ['the root itself', { l: '.' }],
  ['down and up', { l: 'a/../b' }],
  ['nowhere', { l: 'no/such' }],
  ['to itself', { l: 'l' }],
  ['in a circle', { l: 'm', m: 'l' }],
])('%s: stays', (_, links) => expect(leaves(links)).toBe(false));

it('counts from the folder of the link', () => {
  expect(leaves({ 'a/b/l': '../../x' }, 'a/b/l')).toBe(false);
  expect(leaves({ 'a/b/l': '../../../x' }, 'a/b/l')).toBe(true);
});
