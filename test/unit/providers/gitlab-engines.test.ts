import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gitlabEngines } from '../../../providers/gitlab/engines.ts';

const tls = (certificates: string) => ({ address: 'tcp://docker:2376', certificates });
const plain = { address: 'tcp://docker:2375', certificates: null };

test.each([
  [{}, [tls('/certs/client'), plain]],
  [{ DOCKER_TLS_CERTDIR: '/own' }, [tls('/own/client'), plain]],
  // docker:dind reads it so.
  [{ DOCKER_TLS_CERTDIR: '' }, [plain]],
])('%j', (environment, places) => {
  const engines = gitlabEngines(environment);
  expect(engines.places).toMatchObject(places);
  expect(engines.waitMs).toBe(60_000);
});

const inContainer = { CI_DISPOSABLE_ENVIRONMENT: 'true' };
const status = (bounds: string) => (): string =>
  `Name:\tnode\nCapEff:\t0000000000000000\nCapBnd:\t${bounds}\n`;
const all = status('000001ffffffffff');

test('who is no container of the runner’s has the engine on its machine', () => {
  expect(gitlabEngines({}, status('00000000a80425fb')).hint()).toContain('machine of the runner');
});

test('a container as Docker makes it by itself is not privileged', () => {
  expect(gitlabEngines(inContainer, status('00000000a80425fb')).hint()).toContain('set privileged = true');
});

test('a user that is not root in a privileged container is no unprivileged container', () => {
  expect(gitlabEngines(inContainer, all).hint()).toContain('add the service docker:dind');
});

test('where nothing says what a container may do nothing is claimed', () => {
  const none = (): string => {
    throw new Error('ENOENT');
  };
  expect(gitlabEngines(inContainer, none).hint()).toContain('add the service docker:dind');
});

test('certificates that do not reach the job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-certs-'));
  const { hint } = gitlabEngines({ ...inContainer, DOCKER_TLS_CERTDIR: folder }, all);
  expect(hint()).toContain(`set volumes = ["${folder}/client", "/cache"]`);
  mkdirSync(join(folder, 'client'));
  writeFileSync(join(folder, 'client', 'ca.pem'), '');
  expect(hint()).toContain('add the service docker:dind');
});
