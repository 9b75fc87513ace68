// The file that names the host's own certificate authorities → one bundle for the steps: the public roots and those.
import { readFile } from 'node:fs/promises';
import type { Environment } from '../src/contract/provider.ts';
import { fail, ok, type Outcome } from '../src/model/failure.ts';

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * PEM; null when the host names no file. First that is there: `--ca-file`, `LOCKSTEP_CA_FILE`, `SSL_CERT_FILE` and
 * `NODE_EXTRA_CA_CERTS`. Failure `ca-file` (usage) for one of ours that cannot be read or holds no certificate; the
 * host's own variables may name what is not there.
 */
export async function readCaBundle(
  named: string | undefined,
  environment: Environment,
): Promise<Outcome<Uint8Array | null>> {
  const asked = askedCaFile(named, environment);
  const files = asked === undefined ? [environment.SSL_CERT_FILE, environment.NODE_EXTRA_CA_CERTS] : [asked];
  const own = new Map<string, string>();
  for (const file of new Set(files.filter((path) => nonEmpty(path) !== undefined))) {
    const text = await readFile(file ?? '', 'utf8').catch(() => null);
    const found = text?.match(certificate) ?? [];
    if (found.length === 0 && asked !== undefined) {
      return fail(
        'usage',
        'ca-file',
        `${asked} ${text === null ? 'cannot be read' : 'holds no PEM certificate'}`,
        {
          hint: 'name a file of PEM certificates with --ca-file or LOCKSTEP_CA_FILE',
        },
      );
    }
    for (const pem of found) own.set(content(pem), pem);
  }
  if (own.size === 0) return ok(null);
  // Loading this takes 8 ms, and most hosts name no file.
  const { rootCertificates } = await import('node:tls');
  // The host's bundle mostly repeats the public roots, in lines of another length.
  for (const pem of rootCertificates) own.set(content(pem), pem);
  return ok(Buffer.from(`${[...own.values()].join('\n')}\n`));
}

/** The file that the user names for it: one that is no use is an error, also where nothing runs. */
export const askedCaFile = (
  named: string | undefined,
  { LOCKSTEP_CA_FILE: file }: Environment,
): string | undefined => named ?? nonEmpty(file);

const content = (pem: string): string => pem.replace(/\s/g, '');

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
