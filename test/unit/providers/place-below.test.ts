// A file of a source root, named from the folder that a platform shows.
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { realpathSync } from 'node:fs';
import { expect, test } from 'vitest';
import { placeBelow } from '../../../providers/shared/place-below.ts';

const top = realpathSync(tmpdir());

test.each([
  [top, 'a.ts'],
  [join(top, 'app'), 'app/a.ts'],
  // Its name only begins like the way up.
  [join(top, '..app'), '..app/a.ts'],
  [dirname(top), 'a.ts'],
  [join(dirname(top), 'other'), 'a.ts'],
])('of %s', (root, place) => {
  expect(placeBelow(top, root, 'a.ts')).toBe(place);
});

test.each(['', join(top, 'not', 'there')])('no folder is shown: %s', (nowhere) => {
  expect(placeBelow(nowhere, top, 'a.ts')).toBe('a.ts');
});
