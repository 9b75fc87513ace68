import { expect, test } from 'vitest';
import { publishedDigest, repositoryOf } from '../../../../engine/docker/images.ts';
import { pullFailure } from '../../../../engine/docker/errors.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

test.each([
  ['node', 'node'],
  ['node:22', 'node'],
  ['docker.io/library/node:22', 'node'],
  ['docker.io/a/b', 'a/b'],
  ['localhost:5000/a/b:1', 'localhost:5000/a/b'],
  ['localhost:5000/a', 'localhost:5000/a'],
  [`r.example/a@${digest('a')}`, 'r.example/a'],
  [`r.example/a:1@${digest('a')}`, 'r.example/a'],
])('repository of %s is %s', (reference, repository) => {
  expect(repositoryOf(reference)).toBe(repository);
});

test('the digest is the one of the reference’s own repository, and none where no registry gave the image', () => {
  const info = { RepoDigests: [`other@${digest('1')}`, `node@${digest('2')}`] };
  expect(publishedDigest('node:22', info)).toBe(digest('2'));
  expect(publishedDigest('docker.io/library/other', info)).toBe(digest('1'));
  expect(publishedDigest('third', info)).toBeNull();
  expect(publishedDigest(`node@${digest('3')}`, info)).toBe(digest('3'));
  expect(publishedDigest('node', { RepoDigests: [] })).toBeNull();
  expect(publishedDigest('node', { RepoDigests: null })).toBeNull();
});

test.each([
  ['manifest for x:1 not found: manifest unknown: manifest unknown', 'image-not-found'],
  ['pull access denied for x, repository does not exist or may require authorization', 'image-not-found'],
  ['Get "https://x/v2/": unauthorized: authentication required', 'image-not-found'],
  ['no matching manifest for linux/arm64/v8 in the manifest list entries', 'image-platform'],
  ['Get "https://x/v2/": dial tcp: lookup x: no such host', 'registry-unreachable'],
  ['Get "https://x/v2/": net/http: TLS handshake timeout', 'registry-unreachable'],
  ['toomanyrequests: You have reached your pull rate limit', 'registry-unreachable'],
  ['received unexpected HTTP status: 503 Service Unavailable', 'registry-unreachable'],
  ['failed to register layer: write /x: no space left on device', 'disk-full'],
])('%s', (message, code) => {
  expect(pullFailure(new Error(message), 'x:1')).toMatchObject({ kind: 'environment', code });
});

test('what the engine says of a mirror or a proxy is told without its password', () => {
  const said = (address: string): Error => new Error(`Get "${address}/v2/": proxyconnect tcp: EOF`);
  expect(pullFailure(said('https://me:hunter2@mirror'), 'x:1').cause).toBe(said('https://mirror').message);
});
