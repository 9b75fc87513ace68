// GitLab's packages behind a host of a real name: what is said when it cannot be found, reached or trusted.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nock from 'nock';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { gitlabPackages } from '../../providers/gitlab/packages.ts';
import { newRecordKeys } from '../../providers/gitlab/record-keys.ts';

const host = 'https://gitlab.example.com';
const list = '/api/v4/projects/7/packages';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-gitlab-'));
  nock.disableNetConnect();
});
afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
  rmSync(folder, { recursive: true });
});

const open = (more: Readonly<Record<string, string>> = {}) =>
  gitlabPackages({
    ...{ CI_API_V4_URL: `${host}/api/v4`, CI_PROJECT_ID: '7', CI_JOB_TOKEN: 'glcbt-64_token' },
    ...{ ...newRecordKeys(), ...more },
  });

/** As Node's own have it. */
const systemError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

it.each([
  ['a name that nobody knows', systemError('ENOTFOUND', 'getaddrinfo ENOTFOUND gitlab.example.com'), ''],
  [
    'a certificate that nobody here trusts',
    systemError('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
    '; NODE_EXTRA_CA_CERTS names a file of more to trust',
  ],
  ['a host that is off', systemError('ECONNREFUSED', 'connect ECONNREFUSED 192.0.2.1:443'), ''],
])('%s is an outage, at once', async (_what, error, hint) => {
  const asked = nock(host).get(list).query(true).replyWithError(error);
  const answer = await (await open()).look({ key: 'a' });
  expect(answer).toEqual({
    kind: 'outage',
    message: `GitLab's package registry is not used: ${error.message}${hint}`,
  });
  expect(asked.isDone()).toBe(true);
});

it('asks what GitLab understands, with the token of the job', async () => {
  let query: unknown;
  nock(host, { reqheaders: { 'job-token': 'glcbt-64_token' } })
    .get(list)
    .query((all) => {
      query = all;
      return true;
    })
    .reply(200, []);
  expect(await (await open()).look({ prefixes: ['lockstep-v1/job/'] })).toEqual({ kind: 'miss' });
  expect(query).toEqual({
    ...{ package_name: 'lockstep-v1+job+', order_by: 'created_at', sort: 'desc' },
    ...{ per_page: '100', page: '1' },
  });
});

it('takes the certificates that the runner was given for GitLab, and none that nobody gave', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout ${key} -out ${cert}`;
  execFileSync('openssl', words.split(' '), { stdio: 'ignore' });
  nock.enableNetConnect();
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
    response.end('[]');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const api = { CI_API_V4_URL: `https://localhost:${(server.address() as AddressInfo).port}/api/v4` };
    const look = async (more: Readonly<Record<string, string>>) =>
      (await open({ ...api, ...more })).look({ key: 'a' });
    expect(await look({ CI_SERVER_TLS_CA_FILE: cert })).toEqual({ kind: 'miss' });
    for (const more of [{}, { CI_SERVER_TLS_CA_FILE: join(folder, 'not-there') }])
      expect(await look(more)).toMatchObject({
        message: expect.stringContaining('NODE_EXTRA_CA_CERTS') as string,
      });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
