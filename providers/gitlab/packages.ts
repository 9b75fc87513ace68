// GitLab's package registry → a cache store for records, of which only those count that a protected branch signed.
//
// A job token belongs to a person, not to a branch, and may write packages: so nothing is believed because it is there. Each
// entry is a generic package of its own (record-seal says how it is named), with one file.
// https://docs.gitlab.com/user/packages/generic_packages/ and https://docs.gitlab.com/api/packages/
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, openAsBlob, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getCACertificates } from 'node:tls';
import { PackageRegistry, Packages } from '@gitbeaker/rest';
import type { CacheAnswer, CacheReceipt, CacheRequest, CacheStore } from '../../src/contract/cache-store.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';
import { openRecordKeys, type RecordKeys } from './record-keys.ts';
import { recordRights } from './record-rights.ts';
import { namePrefix, packageName, sealedVersion, unseal, type Sealed } from './record-seal.ts';
import { gitlabLine, Unusable, type LineOptions, type Transfer } from './requester.ts';

export interface GitlabPackagesOptions extends Pick<LineOptions, 'pause'> {
  /** Default: 30 s. */
  readonly silentMs?: number;
}

/** An entry that somebody signed who may. */
interface Entry extends Sealed {
  readonly version: string;
}

/** As one call sees it. */
interface Registry {
  readonly keys: RecordKeys;
  readonly list: (packageName: string, sort: 'asc' | 'desc', page: number) => Promise<unknown>;
  readonly upload: (entry: Entry, file: Blob) => Promise<unknown>;
  readonly download: (entry: Entry, take: NonNullable<Transfer['take']>) => Promise<unknown>;
  readonly heard: () => void;
  readonly known: Known;
}

/** Found out by any of them. */
interface Known {
  /** Versions whose file is not what was signed. */
  readonly broken: Set<string>;
  /** Why nothing more need be sent. */
  refused: string | null;
}

const name = "GitLab's package registry";
const fileName = 'pack';
const perPage = 100;
/** Whoever may write packages can hide a record behind more of their own: it is made anew then. */
const maxPages = 20;
const maxDownloads = 3;

export function gitlabPackages(
  environment: Environment,
  options: GitlabPackagesOptions = {},
): Promise<CacheStore> {
  const { noWrites } = recordRights(environment);
  const keys = openRecordKeys(environment);
  const open = typeof keys === 'string' ? keys : registryOf(environment, keys, options);
  const work = async <T>(act: (registry: Registry) => Promise<T>, heard: () => void = () => undefined) => {
    if (typeof open === 'string') return { kind: 'outage', message: `${name} is not used: ${open}` } as const;
    try {
      return await act(open(heard));
    } catch (error) {
      const words = wordsOf(error);
      if (words === null) throw error;
      return { kind: 'outage', message: `${name} is not used: ${words}` } as const;
    }
  };
  return Promise.resolve({
    name,
    ...(noWrites !== null && { takesNothing: noWrites }),
    look: (request) => work((own) => find(own, request, () => Promise.resolve(true))),
    get: (request, into, heard) =>
      work((own) => find(own, request, (entry) => copy(own, entry, into)), heard),
    put: (key, file, heard) => work((own) => put(own, key, file, noWrites), heard),
  });
}

function registryOf(
  environment: Environment,
  keys: RecordKeys,
  { silentMs = 30_000, ...options }: GitlabPackagesOptions,
): ((heard: () => void) => Registry) | string {
  const ca = ownRoots(variable(environment, 'CI_SERVER_TLS_CA_FILE'));
  const line = openLine({ environment, silentMs, ...options, ...(ca && { ca }) });
  if (line === null) return 'HTTP_PROXY or HTTPS_PROXY is no address of a proxy';
  const projectId = variable(environment, 'CI_PROJECT_ID');
  const known: Known = { broken: new Set(), refused: null };
  const client = (transfer: Transfer) => ({
    host: variable(environment, 'CI_API_V4_URL').replace(/\/api\/v4\/?$/, ''),
    jobToken: variable(environment, 'CI_JOB_TOKEN'),
    requesterFn: line(transfer),
    queryTimeout: null,
  });
  return (heard) => ({
    ...{ keys, known, heard },
    list: (packageName, sort, page) =>
      new Packages(client({ heard })).all({
        projectId,
        packageName,
        orderBy: 'created_at',
        sort,
        perPage,
        page,
      }),
    upload: ({ key, version }, content) =>
      new PackageRegistry(client({ heard })).publish(projectId, packageName(key), version, {
        ...{ content, filename: fileName },
      }),
    download: ({ key, version }, take) =>
      new PackageRegistry(client({ heard, take })).download(projectId, packageName(key), version, fileName),
  });
}

/** Null: Node cannot read the address of a proxy, and its words would tell the password in it. */
function openLine(options: LineOptions): ReturnType<typeof gitlabLine> | null {
  try {
    return gitlabLine(options);
  } catch {
    return null;
  }
}

/** What the runner was told to trust GitLab by, beside the usual. */
function ownRoots(file: string): string[] | null {
  try {
    return file === '' ? null : [...getCACertificates('default'), readFileSync(file, 'utf8')];
  } catch {
    return null;
  }
}

async function find(
  registry: Registry,
  { key, prefixes = [] }: CacheRequest,
  take: (entry: Entry) => Promise<boolean>,
): Promise<CacheAnswer> {
  let damaged: string | null = null;
  let downloads = 0;
  const places = [
    ...(key === undefined ? [] : [entriesOf(registry, key)]),
    ...prefixes.map((prefix) => newest(registry, prefix)),
  ];
  for (const place of places)
    for await (const entry of place) {
      if (downloads === maxDownloads) break;
      if (await take(entry)) return { kind: 'hit', key: entry.key };
      downloads += 1;
      registry.known.broken.add(entry.version);
      damaged = `a package in ${name} does not hold what was signed: ${packageName(entry.key)}`;
    }
  return damaged === null ? { kind: 'miss' } : { kind: 'miss', damaged };
}

/** The oldest first: of two that were put at once, all take the same. */
async function* entriesOf(registry: Registry, key: string): AsyncGenerator<Entry> {
  for await (const page of pages(registry, packageName(key), 'asc'))
    yield* page.filter((entry) => entry.key === key);
}

async function* newest(registry: Registry, prefix: string): AsyncGenerator<Entry> {
  for await (const page of pages(registry, namePrefix(prefix), 'desc')) {
    const fitting = page.filter(({ key }) => key.startsWith(prefix));
    for (const [, entries] of Map.groupBy(fitting, ({ key }) => key)) yield* entries.toReversed();
  }
}

/** What is true of packages whose names look like this one: GitLab's search is a fuzzy one. */
async function* pages(
  { list, keys, known: { broken } }: Registry,
  search: string,
  sort: 'asc' | 'desc',
): AsyncGenerator<readonly Entry[]> {
  for (let page = 1; page <= maxPages; page += 1) {
    const found = await list(search, sort, page);
    if (!Array.isArray(found)) throw new Unusable('an answer that is no list');
    yield found.flatMap((one: unknown) => {
      if (!isPackage(one) || broken.has(one.version)) return [];
      const sealed = unseal(one.name, one.version, keys.check);
      return sealed === null ? [] : [{ ...sealed, version: one.version }];
    });
    if (found.length < perPage) return;
  }
}

const isPackage = (value: unknown): value is { readonly name: string; readonly version: string } =>
  value instanceof Object &&
  'name' in value &&
  typeof value.name === 'string' &&
  'version' in value &&
  typeof value.version === 'string';

/** False, and nothing at `into`: it is not what was signed. */
async function copy({ download, heard }: Registry, entry: Entry, into: string): Promise<boolean> {
  const seen = createHash('sha256');
  let bytes = 0;
  const take = async (body: Readable): Promise<void> => {
    const watched = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > entry.bytes) return;
        seen.update(chunk);
        heard();
        yield chunk;
      }
    };
    await pipeline(body, watched, createWriteStream(into, { mode: 0o600 }));
  };
  let same = false;
  try {
    await download(entry, take);
    same = bytes === entry.bytes && seen.digest().equals(entry.sha256);
  } catch (error) {
    // Somebody removed it, or it was never whole.
    if (!(error instanceof Unusable && error.status === 404)) throw error;
  } finally {
    if (!same) await rm(into, { force: true });
  }
  return same;
}

async function put(
  registry: Registry,
  key: string,
  file: string,
  noWrites: string | null,
): Promise<CacheReceipt> {
  const { keys, known } = registry;
  if (keys.sign === null) return { kind: 'declined', because: noWrites ?? 'there is no key to sign with' };
  if (known.refused !== null) return { kind: 'declined', because: known.refused };
  if (await oldest(registry, key)) return { kind: 'exists' };
  const sealed = { key, ...(await digestOf(file)) };
  const entry = { ...sealed, version: sealedVersion(sealed, keys.sign) };
  try {
    await registry.upload(entry, await openAsBlob(file));
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    if (error.status === 400 && /duplicate/i.test(error.message)) return { kind: 'exists' };
    if (error.status === 413 || (error.status === 400 && /too large/i.test(error.message)))
      return { kind: 'declined', because: `it takes no file of ${sealed.bytes} bytes` };
    known.refused = rightsMissing(error, 'write');
    if (known.refused === null) throw error;
    return { kind: 'declined', because: known.refused };
  }
  known.broken.delete(entry.version);
  const won = await oldest(registry, key);
  return { kind: won === null || won.version === entry.version ? 'stored' : 'exists' };
}

async function oldest(registry: Registry, key: string): Promise<Entry | null> {
  for await (const entry of entriesOf(registry, key)) return entry;
  return null;
}

async function digestOf(file: string): Promise<Pick<Sealed, 'bytes' | 'sha256'>> {
  const seen = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file)) {
    seen.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: seen.digest() };
}

/** Null: it is about something else. */
function rightsMissing({ status, message }: Unusable, what: 'read' | 'write'): string | null {
  if (status === 401) return `GitLab does not take the job token (${message})`;
  if (status === 403)
    return `the job token may not ${what} packages of this project (${message}): its user needs the role ${what === 'read' ? 'Reporter' : 'Developer'}`;
  if (status === 404) return `the project has no package registry that the job token can see (${message})`;
  return null;
}

/** Of an error that the world made; null: it is ours. */
function wordsOf(error: unknown): string | null {
  if (error instanceof Unusable) return rightsMissing(error, 'read') ?? error.message;
  if (!(error instanceof Error && 'code' in error)) return null;
  const hint = /CERT|SIGNATURE/.test(String(error.code))
    ? '; NODE_EXTRA_CA_CERTS names a file of more to trust'
    : '';
  return (error.message || String(error.code)) + hint;
}
