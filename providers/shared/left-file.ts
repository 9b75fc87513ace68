// Something that the platform takes once a run has ended → there, whole, in place of what an earlier run left, or why not.
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type Failure } from '../../src/model/failure.ts';

/** Of a process that was killed while it left something. */
export const partialName = /^\.(?:[a-z.]+)\.[0-9a-f]{12}$/;

/**
 * `make` makes it under another name first; `platform`: for people. Failure (`environment`): `not-left`; then nothing is
 * there.
 */
export async function leaveAt(
  folder: string,
  name: string,
  platform: string,
  make: (into: string) => Promise<void>,
): Promise<Failure | null> {
  const path = join(folder, name);
  const partial = join(folder, `.${name}.${randomBytes(6).toString('hex')}`);
  try {
    await rm(path, { recursive: true, force: true });
    await make(partial);
    await rename(partial, path);
    return null;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    return fail('environment', 'not-left', `${path} cannot be written: ${platform} will not have it`, {
      cause: error.message,
      hint: 'make the folder writable, or free some disk space, then run the job again',
    }).failure;
  }
}
