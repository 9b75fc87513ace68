// GitLab's packages as a place for records: whose are believed, and what happens when GitLab refuses, limits, breaks off or is away.
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitlabPackages } from '../../providers/gitlab/packages.ts';
import { newRecordKeys } from '../../providers/gitlab/record-keys.ts';
import { packageName, sealedVersion } from '../../providers/gitlab/record-seal.ts';
import type { CacheStore } from '../../src/contract/cache-store.ts';
import type { Answer } from '../fakes/blob-storage.ts';
import { gitlabServer, type Fault, type GitlabServer } from '../fakes/gitlab-server.ts';

const keys = newRecordKeys();
const isProtected = { CI_COMMIT_REF_PROTECTED: 'true' };
const place = "GitLab's package registry";

let server: GitlabServer;
let folder: string;
let pauses: number[];
beforeEach(async () => {
  server = await gitlabServer();
  folder = mkdtempSync(join(tmpdir(), 'lockstep-gitlab-'));
  pauses = [];
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const open = (more: Readonly<Record<string, string>> = {}, silentMs = 30_000): Promise<CacheStore> =>
  gitlabPackages(
    { ...server.job(), ...keys, ...isProtected, ...more },
    {
      ...{ silentMs, pause: (ms: number) => Promise.resolve(pauses.push(ms)) },
    },
  );

let files = 0;
async function put(key: string, content: string, store?: CacheStore) {
  const path = join(folder, `in-${(files += 1)}`);
  writeFileSync(path, content);
  return (store ?? (await open())).put(key, path);
}
/** The content, or the answer; nothing lies there then. */
async function get(key: string, store?: CacheStore): Promise<unknown> {
  const into = join(folder, `out-${(files += 1)}`);
  const answer = await (store ?? (await open())).get({ key }, into);
  expect(existsSync(into)).toBe(answer.kind === 'hit');
  return answer.kind === 'hit' ? readFileSync(into, 'utf8') : answer;
}

/** The last letter has bits that mean nothing. */
const otherSpelling = (version: string): string =>
  version.slice(0, -1) + ({ A: 'B', Q: 'R', g: 'h', w: 'x' }[version.at(-1) ?? ''] ?? '');
const sha256 = (content: string): Buffer => createHash('sha256').update(content).digest();
/** What whoever may write packages can put there: a record signed with a key of theirs. */
function forge(key: string, content: string, as: KeyObject = stranger): void {
  const version = sealedVersion({ key, bytes: content.length, sha256: sha256(content) }, as);
  placePackage(packageName(key), version, content);
}
const stranger = generateKeyPairSync('ed25519').privateKey;
function placePackage(name: string, version: string, content: string): void {
  const id = 1_000 + server.packages.length;
  const file = { name: 'pack', content: Buffer.from(content) };
  server.packages.push({ id, project: '7', name, version, files: [file] });
}

describe('what is believed', () => {
  it('takes nothing from somebody without the key, and their packages are in nobody’s way', async () => {
    for (let count = 0; count < 200; count += 1) forge('job/a', `forged ${count}`);
    expect(await get('job/a')).toEqual({ kind: 'miss' });
    expect(await put('job/a', 'true')).toEqual({ kind: 'stored' });
    for (let count = 200; count < 400; count += 1) forge('job/a', `forged ${count}`);
    expect(await get('job/a')).toBe('true');
    expect(await (await open()).look({ prefixes: ['job/'] })).toEqual({ kind: 'hit', key: 'job/a' });
    expect(await put('job/a', 'again')).toEqual({ kind: 'exists' });
  });

  it('takes no record under another key, and none whose signature is about something else', async () => {
    await put('job/a', 'true');
    const version = server.packages[0]?.version ?? '';
    placePackage(packageName('job/b'), version, 'true');
    const [bytes = '', digest = '', signature = ''] = version.split('.');
    const text = Buffer.from(['lockstep-record-1', 'job/c', bytes].join('\n'));
    const own = sign(null, text, stranger).toString('base64url');
    for (const odd of [
      `5.${digest}.${signature}`,
      `${bytes}.${sha256('false').toString('base64url')}.${signature}`,
      ...[`${bytes}.${digest}.${own}`, `${bytes}.${digest}`, `0${version}`, version.toUpperCase(), '1.0.0'],
    ])
      placePackage(packageName('job/c'), odd, 'true');
    expect([await get('job/b'), await get('job/c')]).toEqual([{ kind: 'miss' }, { kind: 'miss' }]);
    server.packages.shift();
    placePackage(packageName('job/a'), otherSpelling(version), 'true');
    expect(await get('job/a')).toEqual({ kind: 'miss' });
  });

  it('does not take what was put in place of a true one, says so, and makes it anew', async () => {
    const store = await open();
    await put('job/a', 'true', store);
    const [stored] = server.packages;
    for (const swapped of ['evil', 'tru', 'true and more', '']) {
      stored?.files.push({ name: 'pack', content: Buffer.from(swapped) });
      const reader = await open();
      expect(await get('job/a', reader)).toEqual({
        kind: 'miss',
        damaged: `a package in ${place} does not hold what was signed: job+a+`,
      });
      expect(await put('job/a', 'true', reader)).toEqual({ kind: 'stored' });
      expect(await get('job/a')).toBe('true');
    }
    stored?.files.splice(0);
    expect(await get('job/a')).toMatchObject({ kind: 'miss', damaged: expect.any(String) as string });
  });

  it('takes an older one of the same prefix where the newest is not what was signed', async () => {
    await put('job/a/1', 'one');
    await put('job/a/2', 'two');
    server.packages[1]?.files.push({ name: 'pack', content: Buffer.from('bad') });
    const into = join(folder, 'out');
    expect(await (await open()).get({ prefixes: ['job/a/'] }, into)).toEqual({ kind: 'hit', key: 'job/a/1' });
    expect(readFileSync(into, 'utf8')).toBe('one');
  });

  it('does not mind packages of others, whatever they are called', async () => {
    await put('job/a', 'true');
    placePackage('job+a+', 'latest', '');
    placePackage('my-job+a+b', '1', '');
    placePackage('JOB+A+', server.packages[0]?.version ?? '', 'true');
    expect(await get('JOB/A')).toEqual({ kind: 'miss' });
    expect(await get('job/a')).toBe('true');
  });
});

describe('who may write', () => {
  it.each([
    ['no protected branch', { CI_COMMIT_REF_PROTECTED: 'false', LOCKSTEP_RECORD_KEY: '' }, /^only protected/],
    ['an unprotected one with the key', { CI_COMMIT_REF_PROTECTED: '' }, /make a new pair.*protected one$/],
    ['a protected one without', { LOCKSTEP_RECORD_KEY: '' }, /^the variable LOCKSTEP_RECORD_KEY is not set$/],
  ])('%s: says so beforehand, asks nothing, and reads', async (_what, variables, because) => {
    await put('job/a', 'true');
    const store = await open(variables);
    expect(store.takesNothing).toMatch(because);
    server.requests.length = 0;
    expect(await put('job/b', 'x', store)).toEqual({ kind: 'declined', because: store.takesNothing });
    expect(server.requests).toEqual([]);
    expect(await get('job/a', store)).toBe('true');
  });

  it.each([
    ['reporter', /may not write packages.*403 Forbidden.*Developer$/, 'miss'],
    ['guest', /^GitLab's package registry is not used: the job token may not read.*Reporter$/, 'outage'],
  ] as const)('the token of a %s', async (role, words, answer) => {
    const store = await open(server.job({ role }));
    const receipts = [await put('job/a', 'x', store), await put('job/b', 'x', store)];
    for (const receipt of receipts)
      expect('because' in receipt ? receipt.because : 'message' in receipt && receipt.message).toMatch(words);
    // It is not sent again for each job.
    expect(server.requests.filter((request) => request.startsWith('upload'))).toHaveLength(
      role === 'reporter' ? 1 : 0,
    );
    expect(await get('job/a', store)).toMatchObject({ kind: answer });
  });

  it('a token of another project, of nobody, and one that has ended', async () => {
    const other = await open({ ...server.job({ project: '8' }), CI_PROJECT_ID: '7' });
    expect(await get('job/a', other)).toMatchObject({
      kind: 'outage',
      message: expect.stringMatching(/no package registry.*404 Project/) as string,
    });
    const ended = await open({ CI_JOB_TOKEN: 'ended' });
    expect(await get('job/a', ended)).toMatchObject({
      kind: 'outage',
      message: expect.stringMatching(/does not take the job token \(401 Unauthorized\)/) as string,
    });
  });

  it('a file that is too large, or that is there already', async () => {
    server.maxFileBytes = 3;
    expect(await put('job/a', 'large')).toEqual({ kind: 'declined', because: 'it takes no file of 5 bytes' });
    server.fault = (request) => (request === 'upload' ? { status: 413, body: '<html>' } : null);
    expect(await put('job/a', 'large')).toEqual({ kind: 'declined', because: 'it takes no file of 5 bytes' });
    server.maxFileBytes = 100;
    server.fault = () => null;
    await put('job/a', 'true');
    server.takesDuplicates = false;
    server.packages[0]?.files.push({ name: 'pack', content: Buffer.from('bad') });
    const store = await open();
    expect(await get('job/a', store)).toMatchObject({ kind: 'miss' });
    expect(await put('job/a', 'true', store)).toEqual({ kind: 'exists' });
  });
});

const answer = (status: number, body: string, headers: Answer['headers'] = {}): Fault => ({
  status,
  body,
  headers,
});

describe('what goes wrong', () => {
  /** As often as it says, then all is well. */
  const fail = (kind: string, fault: Fault, times: number): void => {
    let left = times;
    server.fault = (request) => (request === kind && (left -= 1) >= 0 ? fault : null);
  };

  it.each([
    ['429 with a time', answer(429, '{"message":"Retry later"}', { 'retry-after': '7' }), [7000]],
    ['429 with a date', answer(429, 'Retry later', { 'retry-after': new Date(0).toUTCString() }), [0]],
    ['500', answer(500, '{"message":"500 Internal Server Error"}'), [500]],
    ['502 of a proxy', answer(502, '<html>'), [500]],
    ['a connection that ends', 'reset' as const, [500]],
  ])('%s passes: it is asked again', async (_what, fault, waited) => {
    for (const kind of ['list', 'upload', 'download']) {
      fail(kind, fault, 1);
      expect(await put(`job/${kind}`, kind)).toEqual({ kind: 'stored' });
      expect(await get(`job/${kind}`)).toBe(kind);
      expect(pauses.splice(0), kind).toEqual(waited);
    }
  });

  it.each([
    [
      '429 that is to last',
      answer(429, '{"message":"Retry later"}', { 'retry-after': '3600' }),
      /: 429 Retry later$/,
      [],
    ],
    ['429 again and again', answer(429, 'Retry later'), /: 429$/, [500, 1000]],
    [
      '503 again and again',
      answer(503, '{"error":"maintenance\\nnow"}'),
      /: 503 maintenance now$/,
      [500, 1000],
    ],
    ['400', answer(400, '{"error":"sort is invalid"}'), /: 400 sort is invalid$/, []],
    ['a page that is no JSON', answer(200, '<html>sign in</html>'), /: an answer that is no JSON$/, []],
    ['half an answer', answer(200, '[{"id": 1, "na'), /: an answer that is no JSON$/, []],
    ['something else', answer(200, '{"packages": []}'), /: an answer that is no list$/, []],
    ['a way to nowhere', answer(302, '', { location: 'ftp://x/' }), /leads nowhere$/, []],
    ['a way in circles', answer(302, '', { location: '?' }), /leads nowhere$/, []],
    ['no more than a start', 'cut' as const, /aborted/, []],
  ])('%s is an outage', async (_what, fault, words, waited) => {
    await put('job/a', 'true');
    server.fault = () => fault;
    const store = await open();
    const said = { kind: 'outage', message: expect.stringMatching(words) as string };
    expect(await get('job/a', store)).toEqual(said);
    expect(pauses).toEqual(waited);
    expect(await put('job/b', 'x', store)).toEqual(said);
  });

  it('lists with strange things in them are lists of strange things', async () => {
    server.fault = (request) =>
      request === 'list' ? answer(200, '[null, 5, [], {"name": 1}, {"name": "a+"}]') : null;
    expect(await get('a')).toEqual({ kind: 'miss' });
  });

  it('a download that breaks off is an outage, and leaves nothing', async () => {
    await put('job/a', 'x'.repeat(200_000));
    fail('download', 'cut', 9);
    expect(await get('job/a')).toMatchObject({
      kind: 'outage',
      message: expect.stringContaining('aborted') as string,
    });
  });

  it('silence is an outage', async () => {
    server.fault = () => 'silent';
    expect(await get('job/a', await open({}, 50))).toEqual({
      kind: 'outage',
      message: `${place} is not used: no sign of life for 0.05s`,
    });
  });

  it('somebody removed the file meanwhile', async () => {
    await put('job/a', 'true');
    server.fault = (request) => (request === 'download' ? answer(404, '{"message":"404 Not found"}') : null);
    expect(await get('job/a')).toMatchObject({ kind: 'miss' });
  });

  it('a place that cannot be written is an outage', async () => {
    await put('job/a', 'true');
    const into = join(folder, 'not/there');
    expect(await (await open()).get({ key: 'job/a' }, into)).toMatchObject({
      kind: 'outage',
      message: expect.stringContaining('ENOENT') as string,
    });
  });
});

it('gives signs of life while bytes come and go', async () => {
  const path = join(folder, 'large');
  writeFileSync(path, Buffer.alloc(3_000_000));
  let heard = 0;
  const store = await open();
  await store.put('job/a', path, () => (heard += 1));
  expect(heard).toBeGreaterThan(3);
  const before = heard;
  await store.get({ key: 'job/a' }, join(folder, 'out'), () => (heard += 1));
  expect(heard - before).toBeGreaterThan(3);
});

it('shows the token to GitLab alone', async () => {
  server.direct = true;
  await put('job/a', 'true');
  expect(await get('job/a')).toBe('true');
  expect(server.requests.slice(-2)).toEqual(['download developer', 'stored nobody']);
});

it.each(['http://', 'http://u:p%zz@proxy:1'])(
  'the address of a proxy is unreadable: %s',
  async (HTTP_PROXY) => {
    const answer = await get('job/a', await open({ HTTP_PROXY }));
    expect(answer).toMatchObject({
      kind: 'outage',
      message: expect.stringContaining('HTTP_PROXY') as string,
    });
    expect(JSON.stringify(answer)).not.toContain('zz');
  },
);

describe('a proxy', () => {
  let proxy: Server;
  let asked: string[];
  beforeEach(async () => {
    asked = [];
    proxy = createServer();
    proxy.on('connect', ({ url = '' }, client) => {
      asked.push(url);
      const { port } = new URL(server.api);
      const line = connect(Number(port), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        line.pipe(client).pipe(line);
      });
    });
    proxy.on('request', (request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(502).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  it('is used where the environment names one, but for the hosts that it excepts', async () => {
    const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    expect(await get('job/a', await open({ HTTP_PROXY }))).toMatchObject({ kind: 'outage' });
    expect(asked[0]).toContain('/gitlab/api/v4/projects/7/packages?');
    asked.length = 0;
    expect(await get('job/a', await open({ HTTP_PROXY, NO_PROXY: '127.0.0.1' }))).toEqual({ kind: 'miss' });
    expect(asked).toEqual([]);
  });
});

describe('keys', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const pem = {
    LOCKSTEP_RECORD_PUBLIC_KEY: String(publicKey.export({ format: 'pem', type: 'spki' })),
    LOCKSTEP_RECORD_KEY: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };

  it('are PEM, or base64 of DER, or a file of either', async () => {
    const asFiles = Object.fromEntries(
      Object.entries(pem).map(([name, text]) => {
        writeFileSync(join(folder, name), `\n${text}\r\n`);
        return [name, join(folder, name)];
      }),
    );
    expect(await put('job/a', 'true', await open(pem))).toEqual({ kind: 'stored' });
    expect(await get('job/a', await open(asFiles))).toBe('true');
    expect(await get('job/a')).toEqual({ kind: 'miss' });
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  it.each([
    ['no key at all', { LOCKSTEP_RECORD_PUBLIC_KEY: 'hello' }, /PUBLIC_KEY holds no Ed25519 public key/],
    [
      'a private one for all to see',
      { LOCKSTEP_RECORD_PUBLIC_KEY: pem.LOCKSTEP_RECORD_KEY },
      /PUBLIC_KEY holds no Ed25519 public/,
    ],
    [
      'one of another kind',
      { LOCKSTEP_RECORD_PUBLIC_KEY: String(rsa.publicKey.export({ format: 'pem', type: 'spki' })) },
      /holds no Ed25519 public/,
    ],
    [
      'half a private one',
      { LOCKSTEP_RECORD_KEY: keys.LOCKSTEP_RECORD_KEY.slice(0, 40) },
      /RECORD_KEY holds no Ed25519 private/,
    ],
    [
      'a file that is not there',
      { LOCKSTEP_RECORD_KEY: '/not/there' },
      /the file that LOCKSTEP_RECORD_KEY names cannot be read$/,
    ],
    ['no pair', { LOCKSTEP_RECORD_PUBLIC_KEY: pem.LOCKSTEP_RECORD_PUBLIC_KEY }, /do not belong together$/],
  ])('%s: is not used, and the reason holds nothing of it', async (_what, variables, words) => {
    const store = await open(variables);
    const said = await get('job/a', store);
    expect(said).toMatchObject({ kind: 'outage', message: expect.stringMatching(words) as string });
    expect(await put('job/a', 'x', store)).toEqual(said);
    for (const value of [...Object.values(variables), ...Object.values(keys)])
      if (!value.startsWith('/')) expect(JSON.stringify(said)).not.toContain(value.slice(0, 30));
    expect(server.requests).toEqual([]);
  });
});
