// What a platform does not have and a run on it would use → notices of it.
import type { Offers } from '../contract/provider.ts';
import type { Notice } from '../model/event.ts';
import type { Plan } from '../model/plan.ts';

/** `usesCache`: false where the user names another place than the platform's. */
export function absentServices(
  { cache, cacheFolder, artifacts }: Offers,
  { jobs }: Plan,
  usesCache: boolean,
): readonly Notice[] {
  const notices: Notice[] = [];
  const info = { type: 'notice', level: 'info' } as const;
  if (usesCache && cache.is === 'absent') {
    const kept =
      cacheFolder === undefined ? 'nothing is kept for other machines' : `records are kept in ${cacheFolder}`;
    const message = `${kept}, since ${cache.because}`;
    notices.push({ ...info, code: 'cache-absent', message });
  }
  if (artifacts.is === 'absent' && jobs.some((job) => Object.keys(job.artifacts).length > 0)) {
    const message = `artifacts are not published, since ${artifacts.because}`;
    notices.push({ ...info, code: 'artifacts-absent', message });
  }
  return notices;
}
