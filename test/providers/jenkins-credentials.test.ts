// The Jenkins library in Jenkins' own CPS engine: the Jenkinsfiles to copy, credentials of each kind, caches, forks.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cps, library } from '../rig/jenkins.ts';
import { Builds, machines, value, type BuildOptions, type ToldBuild } from '../rig/jenkins-builds.ts';

describe.skipIf('missing' in cps)(`Jenkins${'missing' in cps ? ` (${cps.missing})` : ''}`, () => {
  let builds: Builds;
  beforeAll(async () => {
    builds = await Builds.start();
  });
  afterAll(() => builds[Symbol.asyncDispose]());
  const run = (script: string, options?: BuildOptions): Promise<ToldBuild> => builds.run(script, options);

  describe('the Jenkinsfiles to copy', () => {
    const example = (name: string): string => readFileSync(join(library, `Jenkinsfile.${name}`), 'utf8');
    const credentials = {
      'npm-token': { kinds: ['string'], secret: value },
      registry: { kinds: ['usernamePassword', 'usernameColonPassword'], username: 'ann', password: value },
      deploy: { kinds: ['sshUserPrivateKey'], key: value, username: 'git' },
    };

    test('declarative', async () => {
      const build = await run(example('declarative'));
      expect(build.error).toBe(null);
      expect(build.program).toMatchObject([{ command: 'run' }]);
    });

    test('scripted', async () => {
      const build = await run(example('scripted'), {
        program: { plan: machines({ a: [] }) },
      });
      expect(build.error).toBe(null);
      expect(build.log).toContain('success sha256:0123');
    });

    test('multibranch: a branch', async () => {
      const build = await run(example('multibranch'), { credentials });
      expect(build.error).toBe(null);
      expect(build.program[0]?.words.slice(0, 3)).toEqual(['--param', 'release=false', '--cache']);
      expect(build.program[0]?.secrets).toMatchObject({
        ...{ LOCKSTEP_SECRET_NPM_TOKEN: value, LOCKSTEP_SECRET_REGISTRY_PSW: value, DEPLOY_KEY: value },
      });
      expect(build.of('sh').map(({ script }) => script)).not.toContain('./deploy "$IMAGE"');
    });

    test('multibranch: a tag, with an output of a job', async () => {
      const built = {
        status: 'success',
        jobs: { build: { status: 'success', outputs: { image: 'app:1' } } },
      };
      const build = await run(example('multibranch'), {
        credentials,
        environment: { TAG_NAME: 'v1' },
        program: { results: { '*': built } },
      });
      expect(build.program[0]?.words.slice(0, 2)).toEqual(['--param', 'release=true']);
      expect(build.error).toBe(null);
      expect(build.log).toMatch(/^deploys app:1$/m);
    });
  });

  describe('caches', () => {
    test('jobcacher keeps a folder beside the workspace; a fork only reads it', async () => {
      const own = await run(`lockstep(cache: 'jobcacher')`, { environment: { CHANGE_TARGET: 'main' } });
      const [given] = own.of('cache');
      expect(given).toMatchObject({
        skipSave: false,
        defaultBranch: 'main',
        caches: [{ path: '$LOCKSTEP_CACHE_FOLDER', cacheName: 'lockstep lockstep' }],
      });
      const words = own.program[0]?.words ?? [];
      expect(words[words.indexOf('--cache') + 1]).toMatch(/@2@tmp\/lockstep-\w{8}\/cache$/);
      const fork = await run(`lockstep(cache: 'jobcacher')`, { environment: { CHANGE_FORK: 'eve' } });
      expect(fork.of('cache')).toMatchObject([{ skipSave: true }]);
    });

    test('none: everything anew', async () => {
      const build = await run(`lockstep(cache: 'none')`);
      expect(build.program[0]?.words).toContain('--fresh');
    });
  });

  describe('credentials', () => {
    const credentials = {
      text: { kinds: ['string'], secret: value },
      blob: { kinds: ['file', 'zip'], secret: value, files: { other: 'no', 'kube config': value } },
      login: { kinds: ['usernamePassword', 'usernameColonPassword'], username: 'ann', password: value },
      ssh: { kinds: ['sshUserPrivateKey'], key: `-----BEGIN\n${value}\n`, username: 'git' },
      store: { kinds: ['certificate'], keystore: value, password: `p${value}`, alias: 'one' },
    };
    const given = `credentials: [
      TEXT: 'text', FILE: [kind: 'file', id: 'blob'], ZIP: [kind: 'zip', id: 'blob', path: 'kube config'],
      LOGIN: [kind: 'usernamePassword', id: 'login'], BASIC: [kind: 'usernameColonPassword', id: 'login'],
      KEY: [kind: 'sshUserPrivateKey', id: 'ssh'], CERT: [kind: 'certificate', id: 'store']]`;

    test('of all seven kinds reach the program whole, and never a Groovy string', async () => {
      const build = await run(`lockstep(${given})`, { credentials });
      expect(build.error).toBe(null);
      expect(build.program[0]?.secrets).toEqual({
        LOCKSTEP_SECRET_TEXT: value,
        ...{ FILE: value, ZIP: value },
        ...{
          LOCKSTEP_SECRET_LOGIN: `ann:${value}`,
          LOCKSTEP_SECRET_LOGIN_USR: 'ann',
          LOCKSTEP_SECRET_LOGIN_PSW: value,
        },
        LOCKSTEP_SECRET_BASIC: `ann:${value}`,
        ...{ KEY: `-----BEGIN\n${value}\n`, LOCKSTEP_SECRET_KEY_USR: 'git', LOCKSTEP_SECRET_KEY_PSW: '' },
        ...{ CERT: value, LOCKSTEP_SECRET_CERT_PSW: `p${value}`, LOCKSTEP_SECRET_CERT_ALIAS: 'one' },
      });
      expect(build.log).not.toContain('Groovy String interpolation');
      expect(JSON.stringify(build.calls)).not.toContain('ticks');
      expect(build.log).not.toContain('ticks');
    });

    test('an id that Jenkins does not know', async () => {
      const build = await run(`lockstep(credentials: [A: 'nothing'])`);
      expect(build.error).toBe("Could not find credentials entry with ID 'nothing'");
    });

    test('a change from a fork gets none, unless it may', async () => {
      const environment = { CHANGE_ID: '24', CHANGE_FORK: 'eve' };
      const fork = await run(`lockstep(${given})`, { credentials, environment });
      expect(fork.of('withCredentials')).toEqual([]);
      expect(fork.program[0]?.secrets).toEqual({});
      expect(fork.log).toContain('this change comes from a fork: it gets no credentials');
      const allowed = await run(`lockstep(allow: 'fork-secrets', ${given})`, { credentials, environment });
      expect(allowed.program[0]?.secrets).toMatchObject({ LOCKSTEP_SECRET_TEXT: value });
    });
  });
});
