// GitHub's clients against hosts of their real names: what its API, its storage and a proxy in between say when they refuse.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { githubArtifacts } from '../../providers/github/artifacts.ts';
import { githubCache } from '../../providers/github/cache.ts';
import type { Environment } from '../../src/contract/provider.ts';
import type { HostAnswer } from '../fakes/named-hosts.ts';

const api = 'https://results-receiver.actions.githubusercontent.com/';
const method = (name: string): string => `${api}twirp/github.actions.results.api.v1.${name}`;
const lookup = method('CacheService/GetCacheEntryDownloadURL');
const reservation = method('CacheService/CreateCacheEntry');
const newArtifact = method('ArtifactService/CreateArtifact');
const blob = 'https://productionresultssa0.blob.core.windows.net/container/blob';
const signed = `${blob}?sig=c2lnbmF0dXJl%3D`;

const json = (url: string, status: number, value: unknown, headers = {}): HostAnswer => ({
  ...{ url, status, body: JSON.stringify(value) },
  headers: { 'content-type': 'application/json', ...headers },
});
/** https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2 */
const storageError = (status: number, code: string, message: string): HostAnswer => ({
  ...{ url: blob, status, headers: { 'content-type': 'application/xml', 'x-ms-error-code': code } },
  body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}\nRequestId:1</Message></Error>`,
});
const badSignature = storageError(403, 'AuthenticationFailed', 'Signature c2lnbmF0dXJl= did not match.');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** `requests`: what was asked so far. */
function place(answers: readonly HostAnswer[]) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
  folders.push(folder);
  const [file, requests] = [join(folder, 'content'), join(folder, 'requests')];
  writeFileSync(file, 'content');
  writeFileSync(requests, '');
  const scopes = Buffer.from('{"scp":"Actions.Results:run:job"}').toString('base64url');
  const environment: Environment = {
    PATH: process.env.PATH,
    ...{ GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', RUNNER_TEMP: folder },
    ...{ ACTIONS_RESULTS_URL: api, ACTIONS_RUNTIME_TOKEN: `e30.${scopes}.s` },
    ACTIONS_CACHE_SERVICE_V2: 'True',
    // The clients have a thread of their own.
    NODE_OPTIONS: `--import=${new URL('../fakes/named-hosts.ts', import.meta.url).href}`,
    ...{ TEST_ANSWERS: JSON.stringify(answers), TEST_REQUESTS: requests },
  };
  return {
    ...{ environment, file, into: join(folder, 'into') },
    requests: () => readFileSync(requests, 'utf8').split('\n').slice(0, -1),
  };
}

describe.concurrent("GitHub's cache", () => {
  const refusals: readonly (readonly [name: string, answer: HostAnswer, words: string])[] = [
    [
      'the limit of the rate, without waiting for it to be lifted',
      json(
        lookup,
        429,
        { code: 'resource_exhausted', msg: 'rate limit exceeded' },
        { 'retry-after': '3600' },
      ),
      'rate limit exceeded',
    ],
    [
      'an error of several lines, in one',
      json(lookup, 400, {
        code: 'invalid_argument',
        msg: 'version is\nwrong',
        meta: { argument: 'version' },
      }),
      'version is',
    ],
    ['fields of another kind', json(lookup, 200, { ok: 'yes', signed_download_url: 5 }), 'cannot parse'],
    ['a list', json(lookup, 200, []), 'unable to parse'],
  ];
  for (const [name, answer, words] of refusals) {
    it(`takes for an outage ${name}`, async () => {
      const { environment, requests } = place([answer]);
      const store = await githubCache(environment);
      const outcome = await store.look({ key: 'a' });
      expect(outcome.kind).toBe('outage');
      const message = 'message' in outcome ? outcome.message : '';
      expect(message.toLowerCase()).toContain(words);
      expect(message).not.toContain('\n');
      expect(requests()).toEqual([`POST ${lookup} with the token`]);
    });
  }

  it('takes nothing from a host that it is led away to', async () => {
    const elsewhere = 'https://elsewhere.example.com/';
    const { environment, into } = place([
      { url: lookup, status: 307, headers: { location: elsewhere }, body: '' },
      json(elsewhere, 200, { ok: true, signed_download_url: elsewhere, matched_key: 'b~' }),
    ]);
    const store = await githubCache(environment);
    expect(await store.get({ key: 'a' }, into)).toMatchObject({ kind: 'miss' });
  });

  it('misses what the storage has lost, and gives the storage no token', async () => {
    const { environment, requests, into } = place([
      json(lookup, 200, { ok: true, signed_download_url: signed, matched_key: 'a~' }),
      storageError(404, 'BlobNotFound', 'The specified blob does not exist.'),
    ]);
    const store = await githubCache(environment);
    expect(await store.get({ key: 'a' }, into)).toMatchObject({
      ...{ kind: 'miss', damaged: expect.stringContaining('cannot be downloaded') as string },
    });
    expect(requests()).toEqual([`POST ${lookup} with the token`, `HEAD ${blob}`]);
  });

  it('takes a storage that refuses for an outage, and says no signature', async () => {
    const { environment, requests, file } = place([
      json(reservation, 200, { ok: true, signed_upload_url: signed }),
      badSignature,
    ]);
    const store = await githubCache(environment);
    const receipt = await store.put('a', file);
    expect(receipt).toMatchObject({
      ...{ kind: 'outage', message: expect.stringContaining('Signature *** did not match') as string },
    });
    expect(requests()).toEqual([`POST ${reservation} with the token`, `PUT ${blob}`]);
  });
});

describe("GitHub's artifacts", () => {
  it('are not published where the storage refuses, and no signature is said', async () => {
    const { environment, file } = place([
      json(newArtifact, 200, { ok: true, signed_upload_url: signed }),
      badSignature,
    ]);
    const sink = await githubArtifacts(environment);
    const entries = [{ type: 'file', path: 'content', executable: false, digest: '', size: 7 }] as const;
    const artifact = { job: 'build', name: 'app', folder: join(file, '..'), entries, expireMs: 1 };
    const receipt = await sink.publish(artifact, new AbortController().signal);
    expect(receipt).toEqual({
      kind: 'outage',
      message: 'the artifacts of GitHub Actions did not take build.app: Signature *** did not match.',
    });
  });
});
