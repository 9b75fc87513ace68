// The cache service that an action is given → a cache store, through GitHub's own client.
//
// An entry is a folder of two files, the content and a seal, since what comes back may be cut, someone else's, or not what was
// asked for. The folder has one name for all, see sdk-thread. A key ends in `~` there: the service takes a key that it has
// not got for the beginning of one.
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import {
  copyFile,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CacheAnswer, CacheReceipt, CacheRequest, CacheStore } from '../../src/contract/cache-store.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';
import { readAnswer, readReceipt } from './cache-words.ts';
import { findServices } from './offers.ts';
import { sdkCalls, type SdkCalls } from './sdk-calls.ts';

export interface GithubCacheOptions {
  /** Where temporary folders are made. Default: the runner's. */
  readonly folder?: string;
  /** Default: 30 s. */
  readonly silentMs?: number;
}

/** What a call has to itself. */
interface Work {
  readonly sdk: SdkCalls<'cache'>;
  readonly name: string;
  readonly folder: string;
  readonly heard: (() => void) | undefined;
}

const path = 'lockstep-entry';
const end = '~';

export function githubCache(
  environment: Environment,
  { folder = temporaryFolder(environment), silentMs = 30_000 }: GithubCacheOptions = {},
): Promise<CacheStore> {
  const { cache, platform } = findServices(environment);
  const name = `the cache of ${platform}`;
  const version2 = cache.is === 'there' && cache.version === 'v2' ? 'true' : undefined;
  const sdk = sdkCalls({
    client: 'cache',
    environment: { ...environment, ACTIONS_CACHE_SERVICE_V2: version2 },
    name,
    silentMs,
  });
  sdk.load();
  const work = async <T>(heard: (() => void) | undefined, act: (work: Work) => Promise<T>) => {
    let own: string | undefined;
    try {
      own = await mkdtemp(join(folder, 'lockstep-cache-'));
      return await act({ sdk, name, folder: own, heard });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      return { kind: 'outage', message: `cannot use ${name}: ${error.message}` } as const;
    } finally {
      if (own !== undefined) await rm(own, { recursive: true, force: true }).catch(() => undefined);
    }
  };
  return Promise.resolve({
    name,
    look: (request) => work(undefined, (own) => find(own, request, null)),
    get: (request, into, heard) => work(heard, (own) => find(own, request, into)),
    put: (key, file, heard) => work(heard, (own) => put(own, key, file)),
  });
}

/** The client writes the path into a command line, without quotes. */
const temporaryFolder = (environment: Environment): string => {
  const folder = variable(environment, 'RUNNER_TEMP');
  return /^[^\s"']+$/.test(folder) ? folder : tmpdir();
};

async function find(work: Work, request: CacheRequest, into: string | null): Promise<CacheAnswer> {
  const { sdk, name, folder, heard } = work;
  const { key, prefixes = [] } = request;
  const [first, ...restoreKeys] = [...(key === undefined ? [] : [key + end]), ...prefixes];
  if (first === undefined) return { kind: 'miss' };
  const lookupOnly = into === null;
  const outcome = await sdk.call(
    folder,
    { type: 'restore', path, key: first, restoreKeys, lookupOnly },
    { heard },
  );
  const answer = readAnswer(outcome, { name, found: (await readdir(folder)).length > 0 });
  if (answer.kind !== 'hit') return answer;
  const stored = answer.key;
  const asked = stored === first || prefixes.some((prefix) => stored.startsWith(prefix));
  if (!asked || !stored.endsWith(end))
    return { kind: 'miss', damaged: `an entry of ${name} is not ours: ${stored}` };
  const hit = { kind: 'hit', key: stored.slice(0, -end.length) } as const;
  if (into === null || (await unseal(join(folder, path), hit.key, into))) return hit;
  return { kind: 'miss', damaged: `an entry of ${name} is damaged: ${hit.key}` };
}

async function put({ sdk, name, folder, heard }: Work, key: string, file: string): Promise<CacheReceipt> {
  const entry = join(folder, path);
  const content = join(entry, 'content');
  await mkdir(entry);
  await link(file, content).catch(() => copyFile(file, content));
  await writeFile(join(entry, 'seal'), await sealOf(key, content));
  return readReceipt(await sdk.call(folder, { type: 'save', path, key: key + end }, { heard }), name);
}

async function sealOf(key: string, content: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(content)) hash.update(chunk as Buffer);
  return JSON.stringify({ format: 1, key, sha256: hash.digest('hex') });
}

/** False, and nothing at `into`: it is not what was put under the key. */
async function unseal(entry: string, key: string, into: string): Promise<boolean> {
  const content = join(entry, 'content');
  try {
    const files = await Promise.all([content, join(entry, 'seal')].map((file) => lstat(file)));
    if (!files.every((file) => file.isFile())) return false;
    await using seal = await open(join(entry, 'seal'), constants.O_RDONLY | constants.O_NOFOLLOW);
    const expected = await sealOf(key, content);
    const found = Buffer.alloc(expected.length + 1);
    const { bytesRead } = await seal.read(found);
    if (found.toString('utf8', 0, bytesRead) !== expected) return false;
  } catch {
    return false;
  }
  try {
    // It may lie on another disk, where a rename does not lead.
    await rename(content, into).catch(() => copyFile(content, into));
    return true;
  } catch (error) {
    await rm(into, { force: true });
    throw error;
  }
}
