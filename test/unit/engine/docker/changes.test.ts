import { expect, test } from 'vitest';
import { changedRoots } from '../../../../engine/docker/changes.ts';

const modified = (Path: string) => ({ Path, Kind: 0 });
const added = (Path: string) => ({ Path, Kind: 1 });
const deleted = (Path: string) => ({ Path, Kind: 2 });

test.each([
  ['nothing', [], []],
  ['a file that was added to a folder of the image', [modified('/etc'), added('/etc/x')], ['/etc/x']],
  ['a folder that was added stands for all in it', [added('/a'), added('/a/b'), added('/a/b/c')], ['/a']],
  ['a name that begins like another', [added('/a'), added('/ab')], ['/a', '/ab']],
  ['what was deleted', [modified('/etc'), deleted('/etc/x')], ['/etc']],
  ['a folder whose mode alone changed', [modified('/srv')], ['/srv']],
  [
    'a folder stands for a name in it that is not UTF-8',
    [modified('/etc'), added('/etc/a\u{fffd}'), added('/etc/x')],
    ['/etc'],
  ],
  ['and so on upwards', [added('/\u{fffd}'), added('/\u{fffd}/a')], ['/']],
])('%s', (_, changes, roots) => {
  expect(changedRoots(changes)).toEqual(roots);
});
