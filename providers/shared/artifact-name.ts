// A job and the name of an artifact → the name that platforms know it by.
import { hash } from 'node:crypto';

/** Bytes; leaves room for an extension. */
const longest = 200;
const forbidden = /["<>|*?:\\/\p{Cc}\p{Cs}]/gu;

/** `JOB.NAME`, where no two are the same; with a digest where anything had to be changed. */
export function artifactName({ job, name }: { readonly job: string; readonly name: string }): string {
  const wanted = `${job}.${name}`;
  const legal = wanted.replace(forbidden, '-');
  if (legal === wanted && Buffer.byteLength(legal) <= longest) return legal;
  const cut = Buffer.from(legal)
    .subarray(0, longest - 9)
    .toString('utf8')
    .replace(/\ufffd$/, '');
  return `${cut}-${hash('sha256', wanted).slice(0, 8)}`;
}
