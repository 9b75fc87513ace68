// GitHub's results service over HTTP, as its own clients see it: caches (v2, and v1 as act and Enterprise Server have it) and
// artifacts v4. Keeps what it is given, and fails when the test says so.
import { hash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import type { Environment } from '../../src/contract/provider.ts';
import { blobStorage, send, type Answer } from './blob-storage.ts';

export interface ResultsService {
  /** Ends with a slash. */
  readonly url: string;
  readonly token: string;
  /** What the runner gives an action. `v1`: no more than act does. */
  readonly environment: (version: 'v1' | 'v2') => Environment;
  /** The oldest first. To be changed at will. */
  readonly entries: CacheEntry[];
  /** By id, for entries and artifacts. */
  readonly contents: Map<string, Buffer>;
  /** The zip that people download. */
  readonly artifactContent: (name: string) => Buffer;
  /** The oldest first. */
  readonly artifacts: StoredArtifact[];
  /** Names of methods as version 2 has them (`CreateCacheEntry`), and `upload`, `download`. */
  readonly requests: string[];
  /** Asked at each request. */
  fault: (request: string) => Fault | null;
  /** What the token of a run that is not trusted gives. */
  readOnly: boolean;
  /** Of a job. */
  maxArtifacts: number;
  readonly close: () => Promise<void>;
}

export interface CacheEntry {
  readonly key: string;
  readonly version: string;
  readonly blob: string;
  /** False: being uploaded. Nobody finds it, and nobody else may write it. */
  final: boolean;
}

export interface StoredArtifact {
  readonly name: string;
  readonly blob: string;
  readonly mimeType: string;
  /** As it was sent. */
  readonly expiresAt: string | undefined;
  final: boolean;
}

export type Fault =
  | { readonly status: number; readonly message?: string }
  | 'silent'
  /** The connection ends without a word. */
  | 'reset'
  /** Success, and a body that means nothing. */
  | 'garbage'
  /** Half of the body; then the connection ends. */
  | 'cut'
  /** In two halves, with a pause in between. */
  | { readonly pauseMs: number };

export interface ResultsServiceOptions {
  /** What the host of blobs is called; its URLs lead here only through a proxy. Default: this server. */
  readonly blobHost?: string;
}

type Fields = Readonly<Record<string, unknown>>;

export async function resultsService({ blobHost }: ResultsServiceOptions = {}): Promise<ResultsService> {
  const blobs = blobStorage();
  const token = runtimeToken();
  const blobUrl = (id: string): string => `${blobHost ?? service.url.slice(0, -1)}${blobs.signedPath(id)}`;

  const find = (keys: readonly string[], version: unknown): CacheEntry | undefined => {
    const there = service.entries.filter((entry) => entry.final && entry.version === version);
    for (const key of keys) {
      const found =
        there.find((entry) => entry.key === key) ?? there.findLast((entry) => entry.key.startsWith(key));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const reserve = (fields: Fields): CacheEntry | Answer => {
    const [key, version] = [String(fields.key), String(fields.version)];
    if (service.readOnly) return refusal(403, 'cache write denied: this run may only read');
    if (service.entries.some((entry) => entry.key === key && entry.version === version))
      return refusal(409, 'cache entry with the same key, version, and scope already exists');
    const entry = { key, version, blob: blobs.reserve(), final: false };
    service.entries.push(entry);
    return entry;
  };

  const methods: Readonly<Record<string, (fields: Fields) => Answer>> = {
    CreateCacheEntry(fields) {
      const entry = reserve(fields);
      // Version 2 says in a body of success that writes are denied, and by a status that there is one.
      if (!('status' in entry)) return ok({ ok: true, signed_upload_url: blobUrl(entry.blob) });
      return entry.status === 403 ? ok({ ok: false, message: messageOf(entry) }) : entry;
    },
    FinalizeCacheEntryUpload({ key, version, size_bytes }) {
      const entry = service.entries.find((one) => one.key === key && one.version === version);
      const size = entry && blobs.contents.get(entry.blob)?.length;
      if (entry === undefined || size !== Number(size_bytes))
        return ok({ ok: false, message: 'it is not whole' });
      entry.final = true;
      return ok({ ok: true, entry_id: String(service.entries.indexOf(entry) + 1) });
    },
    GetCacheEntryDownloadURL({ key, restore_keys, version }) {
      const entry = find([key, restore_keys ?? []].flat().map(String), version);
      if (entry === undefined) return ok({ ok: false });
      return ok({ ok: true, signed_download_url: blobUrl(entry.blob), matched_key: entry.key });
    },
    CreateArtifact({ name, mime_type, expires_at }) {
      if (service.artifacts.some((one) => one.name === name))
        return refusal(409, 'an artifact with this name already exists on the workflow run');
      if (service.artifacts.length >= service.maxArtifacts)
        return refusal(400, `no more than ${service.maxArtifacts} artifacts in a job`);
      const artifact = {
        name: String(name),
        blob: blobs.reserve(),
        mimeType: String(mime_type),
        expiresAt: typeof expires_at === 'string' ? expires_at : undefined,
        final: false,
      };
      service.artifacts.push(artifact);
      return ok({ ok: true, signed_upload_url: blobUrl(artifact.blob) });
    },
    FinalizeArtifact({ name, size, hash: digest }) {
      const artifact = service.artifacts.find((one) => one.name === name);
      const content = artifact && blobs.contents.get(artifact.blob);
      if (artifact === undefined || content?.length !== Number(size)) return ok({ ok: false });
      if (digest !== `sha256:${hash('sha256', content)}`) return ok({ ok: false });
      artifact.final = true;
      return ok({ ok: true, artifact_id: String(service.artifacts.indexOf(artifact) + 1) });
    },
    ListArtifacts({ name_filter }) {
      const artifacts = service.artifacts
        .map((one, index) => ({ ...one, database_id: String(index + 1) }))
        .filter((one) => one.final && (name_filter === undefined || name_filter === one.name))
        .map(({ name, blob, database_id }) => {
          const size = String(blobs.contents.get(blob)?.length ?? 0);
          return { ...backend, database_id, name, size };
        });
      return ok({ artifacts });
    },
    GetSignedArtifactURL({ name }) {
      const artifact = service.artifacts.find((one) => one.final && one.name === name);
      return artifact === undefined
        ? refusal(404, 'no such artifact')
        : ok({ signed_url: blobUrl(artifact.blob) });
    },
  };

  /** Ids are places in `entries`, from 1. */
  const version1 = async (request: IncomingMessage, { pathname, searchParams }: URL): Promise<Answer> => {
    const path = pathname.replace('/_apis/artifactcache/', '');
    if (path === 'cache') {
      const entry = find((searchParams.get('keys') ?? '').split(','), searchParams.get('version'));
      if (entry === undefined) return { status: 204 };
      return ok({ archiveLocation: blobUrl(entry.blob), cacheKey: entry.key });
    }
    if (path === 'caches') {
      const entry = reserve(fieldsOf(await text(request)));
      return 'status' in entry
        ? { ...entry, body: JSON.stringify({ message: messageOf(entry) }) }
        : ok({ cacheId: service.entries.indexOf(entry) + 1 }, 201);
    }
    const entry = service.entries[Number(path.replace('caches/', '')) - 1];
    if (entry === undefined) return refusal(404, 'no such cache');
    const before = blobs.contents.get(entry.blob) ?? Buffer.alloc(0);
    if (request.method === 'PATCH') {
      const start = Number(/bytes (\d+)-/.exec(request.headers['content-range'] ?? '')?.[1]);
      const chunk = await buffer(request);
      const whole = Buffer.alloc(Math.max(before.length, start + chunk.length));
      before.copy(whole);
      chunk.copy(whole, start);
      blobs.contents.set(entry.blob, whole);
    } else {
      if (Number(fieldsOf(await text(request)).size) !== before.length)
        return refusal(400, 'it is not whole');
      entry.final = true;
    }
    return { status: 204 };
  };

  const answer = async (request: IncomingMessage, url: URL): Promise<Answer> => {
    const blob = blobs.idOf(url);
    if (blob !== null) return blobs.answer(request, url, blob);
    if (request.headers.authorization !== `Bearer ${token}`) return refusal(401, 'who are you?');
    if (url.pathname.startsWith('/_apis/artifactcache/')) return version1(request, url);
    const method = methods[nameOf(request, url)];
    return method === undefined ? refusal(404, 'bad route') : method(fieldsOf(await text(request)));
  };
  const nameOf = ({ method }: IncomingMessage, url: URL): string => {
    if (blobs.idOf(url) !== null) return method === 'PUT' ? 'upload' : 'download';
    const last = url.pathname.split('/').at(-1) ?? '';
    if (!url.pathname.startsWith('/_apis/')) return last;
    if (last === 'cache') return 'GetCacheEntryDownloadURL';
    if (last === 'caches') return 'CreateCacheEntry';
    return method === 'PATCH' ? 'upload' : 'FinalizeCacheEntryUpload';
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', service.url);
    const name = nameOf(request, url);
    service.requests.push(name);
    void respond(request, response, service.fault(name), () => answer(request, url));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const service: ResultsService = {
    url: `http://127.0.0.1:${port}/`,
    token,
    environment: (version) => ({
      GITHUB_ACTIONS: 'true',
      GITHUB_SERVER_URL: 'https://github.com',
      ACTIONS_RUNTIME_TOKEN: token,
      ACTIONS_RESULTS_URL: service.url,
      ACTIONS_CACHE_URL: service.url,
      ...(version === 'v2' && { ACTIONS_CACHE_SERVICE_V2: 'True' }),
      ...(blobHost !== undefined && { HTTP_PROXY: service.url, NO_PROXY: '127.0.0.1' }),
    }),
    entries: [],
    contents: blobs.contents,
    artifactContent(name) {
      const content = blobs.contents.get(service.artifacts.find((one) => one.name === name)?.blob ?? '');
      if (content === undefined) throw new Error(`there is no artifact ${name}`);
      return content;
    },
    artifacts: [],
    requests: [],
    fault: () => null,
    readOnly: false,
    maxArtifacts: 500,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | null,
  answer: () => Promise<Answer>,
): Promise<void> {
  const { method } = request;
  if (fault === 'silent') return;
  if (fault === 'reset') return void request.socket.destroy();
  if (fault === 'garbage') {
    send(response, method, { status: 200, body: '<html>welcome</html>' });
    return;
  }
  if (fault === null) {
    send(response, method, await answer());
    return;
  }
  if (fault !== 'cut' && 'status' in fault) {
    send(response, method, refusal(fault.status, fault.message ?? 'as the test says'));
    return;
  }
  const { status, headers, body } = await answer();
  const bytes = Buffer.from(body ?? '');
  const half = bytes.length >> 1;
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  response.write(bytes.subarray(0, half));
  await wait(fault === 'cut' ? 50 : fault.pauseMs);
  if (fault === 'cut') request.socket.destroy();
  else response.end(bytes.subarray(half));
}

const backend = { workflow_run_backend_id: 'run-1', workflow_job_run_backend_id: 'job-1' };

function runtimeToken(): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const scp = `Actions.Example Actions.Results:${Object.values(backend).join(':')}`;
  return [part({ alg: 'none' }), part({ scp }), randomBytes(16).toString('hex')].join('.');
}

const ok = (body: Fields, status = 200): Answer => ({
  status,
  headers: jsonType,
  body: JSON.stringify(body),
});
const refusal = (status: number, msg: string): Answer => ({
  status,
  headers: jsonType,
  body: JSON.stringify({ code: codes[status] ?? 'unknown', msg, message: msg }),
});
const jsonType = { 'content-type': 'application/json' };
const codes: Readonly<Record<number, string>> = {
  403: 'permission_denied',
  404: 'bad_route',
  409: 'already_exists',
};
const fieldsOf = (body: string): Fields => JSON.parse(body) as Fields;
const messageOf = ({ body }: Answer): string => String(fieldsOf(String(body)).msg);
