import { expect, test } from 'vitest';
import { accessVariables, hostProxies } from '../../../../engine/docker/network-access.ts';

test('the host’s proxies in either case, the lower one first', () => {
  expect(
    hostProxies({ HTTP_PROXY: 'upper', http_proxy: 'lower', NO_PROXY: '', https_proxy: 's', OTHER: 'x' }),
  ).toEqual({
    HTTP_PROXY: 'lower',
    HTTPS_PROXY: 's',
  });
});

test('both cases reach the step, services are reached directly', () => {
  const access = { proxies: { HTTP_PROXY: 'p', NO_PROXY: 'near' }, caBundle: null };
  expect(accessVariables(access, [], {})).toEqual({
    HTTP_PROXY: 'p',
    http_proxy: 'p',
    NO_PROXY: 'near',
    no_proxy: 'near',
  });
  expect(accessVariables(access, ['db'], {}).no_proxy).toBe('near,localhost,127.0.0.1,db');
  expect(accessVariables({ proxies: {}, caBundle: null }, ['db'], {})).toEqual({});
});

test('a variable that the job sets, in either case, is left alone', () => {
  const access = { proxies: { HTTP_PROXY: 'p' }, caBundle: new Uint8Array() };
  const variables = accessVariables(access, [], { http_proxy: '', SSL_CERT_FILE: '/mine' });
  expect(Object.keys(variables).sort()).toEqual([
    'CURL_CA_BUNDLE',
    'GIT_SSL_CAINFO',
    'NODE_EXTRA_CA_CERTS',
    'REQUESTS_CA_BUNDLE',
  ]);
});
