// A folder below `.lockstep` that the platform takes something from → made, and never reached through a link.
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';

/**
 * `path`: relative to `root`, parts divided by `/`. Absolute. Failures (`environment`): `leave-folder` where it is none below
 * `.lockstep`, or something on the way is a link or a file (it may come with a checkout that somebody else made, and we
 * write and delete there), or it cannot be made.
 */
export function makeStateFolder(root: string, path: string): Outcome<string> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.length < 2 || parts[0] !== '.lockstep' || parts.includes('..'))
    return fail('environment', 'leave-folder', `'${path}' is no folder below .lockstep`, {
      hint: 'name one there: nothing in .lockstep changes a result',
    });
  let at = root;
  try {
    for (const part of parts) {
      at = join(at, part);
      const found = lstatSync(at, { throwIfNoEntry: false });
      if (found === undefined) mkdirSync(at);
      else if (!found.isDirectory())
        return fail('environment', 'leave-folder', `${at} is not a plain folder`, {
          hint: 'remove it: a run would write and delete where it points',
        });
    }
    return ok(at);
  } catch (error) {
    return fail('environment', 'leave-folder', `the folder ${at} cannot be made`, {
      cause: String(error),
      hint: 'make the folder writable, or free some disk space',
    });
  }
}
