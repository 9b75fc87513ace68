// A snapshot that was just made → the first secret in what the job had written by then.
import type { Redactor } from '../src/contract/redactor.ts';
import type { Engine } from '../src/contract/sandbox.ts';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { findLeakInTar, type FileLeak } from './leak-guard.ts';

/**
 * `changed`: of the sandbox when the snapshot was made. Starts nothing of it, so that the job's next steps go on meanwhile.
 * Failures (`environment`): `snapshot-missing`, `snapshot-unreadable`, `engine-lost`.
 */
export async function findLeakInSnapshot(
  redactor: Redactor,
  { snapshots }: Engine,
  id: string,
  changed: readonly string[],
): Promise<Outcome<FileLeak | null>> {
  const files = await snapshots.read(id);
  if (!files.ok) return files;
  try {
    for (const path of changed) {
      const tar = await files.value.get(path);
      if (!tar.ok) return tar;
      // A folder that mounts hide is not there.
      const leak =
        tar.value && (await findLeakInTar(redactor, tar.value, path.slice(0, path.lastIndexOf('/') + 1)));
      if (leak) return ok(leak);
    }
    return ok(null);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return fail('environment', 'snapshot-unreadable', `cannot read the snapshot ${id}`, {
      cause: error.message,
    });
  } finally {
    await files.value.close();
  }
}
