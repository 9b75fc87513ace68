// How steps reach the network from a machine with a proxy and a certificate authority of its own; and foreign platforms.
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { Project } from '../rig/project.ts';

const output = (program: string, ...args: string[]): string | null => {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
    }).trim();
  } catch {
    return null;
  }
};

describe('proxies of the host', () => {
  const proxies = {
    HTTP_PROXY: 'http://proxy.invalid:3128',
    HTTPS_PROXY: 'http://proxy.invalid:3129',
    NO_PROXY: 'localhost,.example.com',
  };
  // A machine that has them in lower case too must not decide the test.
  const host = {
    ...proxies,
    http_proxy: proxies.HTTP_PROXY,
    https_proxy: proxies.HTTPS_PROXY,
    no_proxy: proxies.NO_PROXY,
  };
  const show = `for name in HTTP_PROXY http_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy; do eval "echo $name=\\$$name"; done`;

  test.concurrent('reach every step, in both cases', async () => {
    using project = new Project({
      'lockstep.yml': JSON.stringify({
        version: 1,
        jobs: { a: { image: 'busybox:latest', steps: [{ name: 'show', run: show }] } },
      }),
    });
    const end = await project.start(['run'], host).end;
    expect(end.code, end.output).toBe(0);
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const) {
      expect(end.output).toContain(`\n${name}=${proxies[name]}\n${name.toLowerCase()}=${proxies[name]}\n`);
    }
  });

  test.concurrent('are left alone where the job sets them, and are in no result', async () => {
    const pipeline = (env: object) =>
      JSON.stringify({
        version: 1,
        jobs: { a: { image: 'busybox:latest', env, steps: [{ name: 'show', run: show }] } },
      });
    using project = new Project({ 'lockstep.yml': pipeline({ http_proxy: 'http://own.invalid' }) });
    const end = await project.start(['run'], host).end;
    expect(end.output).toMatch(/^HTTP_PROXY=\nhttp_proxy=http:\/\/own\.invalid$/m);
    const { digest } = project.lastRun().times;
    await project.start(['run'], { ...host, https_proxy: 'http://other.invalid:1' }).end;
    expect(project.lastRun().times.digest).toBe(digest);
  });
});

const server = `
const { createServer } = require('node:https');
createServer({ key: process.env.KEY, cert: process.env.CERT }, (_, answer) => answer.end('trusted')).listen(8443);
`;

describe.skipIf(output('openssl', 'version') === null)('a certificate authority of the host', () => {
  const project = (): Project => {
    const made = new Project();
    made.sh(
      `
      openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=test authority' -days 2
      openssl req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj '/CN=tls'
      printf 'subjectAltName=DNS:tls' >tls.ext
      openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tls.pem -days 2 -extfile tls.ext
      mkdir outside && mv ca.* tls.* outside
    `
        .replaceAll(/^ +/gm, '')
        .trim()
        .split('\n')
        .map((line) => `${line} 2>/dev/null`)
        .join('\n'),
    );
    made.write({
      '.lockstepignore': 'outside\n',
      'lockstep.yml': JSON.stringify({
        version: 1,
        jobs: {
          a: {
            image: 'node:24-bookworm-slim',
            services: {
              tls: {
                image: 'node:24-bookworm-slim',
                env: { KEY: made.read('outside/tls.key'), CERT: made.read('outside/tls.pem') },
                command: ['node', '-e', server],
                ready: { tcp: 8443 },
              },
            },
            steps: [
              {
                name: 'ask',
                run: `node -e "fetch('https://tls:8443').then((a) => a.text()).then(console.log)"`,
              },
            ],
          },
        },
      }),
    });
    return made;
  };

  test.concurrent(
    'that --ca-file names is trusted by the tools of a step; without it nothing is',
    async () => {
      using trusting = project();
      const end = await trusting.run('run', '--ca-file', 'outside/ca.pem');
      expect(end.code, end.output).toBe(0);
      expect(end.output).toMatch(/^trusted$/m);
      const other = await trusting.start(['run', '--no-reuse'], {
        SSL_CERT_FILE: '',
        NODE_EXTRA_CA_CERTS: '',
        LOCKSTEP_CA_FILE: '',
      }).end;
      expect(other.code, other.output).toBe(1);
      expect(other.output).not.toMatch(/^trusted$/m);
    },
  );

  test.concurrent.each([
    ['missing', 'nowhere.pem', /nowhere\.pem cannot be read/],
    ['no certificate', 'lockstep.yml', /lockstep\.yml holds no PEM certificate/],
  ])('a --ca-file that is %s is bad usage', async (_, file, said) => {
    using pipeline = new Project({
      'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo never]}}}',
    });
    const end = await pipeline.run('run', '--ca-file', file);
    expect(end.code, end.output).toBe(2);
    expect(end.stderr).toMatch(said);
  });
});

const registry = output('npm', 'config', 'get', 'registry');
const known =
  registry === null ? null : output('npm', 'view', 'picomatch@4.0.2', 'version', '--registry', registry);

test.skipIf(known === null)('npm in a job reaches the registry that this machine reaches', async () => {
  using project = new Project({
    'package.json': '{"name": "x", "version": "1.0.0", "dependencies": {"picomatch": "4.0.2"}}',
    'lockstep.yml': JSON.stringify({
      version: 1,
      jobs: {
        a: {
          image: 'node:24-bookworm-slim',
          env: { npm_config_registry: registry },
          steps: [
            'npm view picomatch@4.0.2 version',
            'npm install --no-audit --no-fund && rm -rf node_modules && npm ci --no-audit --no-fund',
            `node -p "require('picomatch/package.json').version"`,
          ],
        },
      },
    }),
  });
  const end = await project.run('run');
  expect(end.code, end.output).toBe(0);
  expect(end.output.match(/^4\.0\.2$/gm)).toHaveLength(2);
});

test('an image for another platform', async () => {
  using project = new Project({
    'lockstep.yml':
      '{version: 1, platform: linux/arm64, jobs: {a: {image: "lockstep-test/redis:7", steps: [echo never]}}}',
  });
  const end = await project.run('run');
  expect(end.code, end.output).toBe(3);
  expect(end.output).toMatch(/is for linux\/amd64, not linux\/arm64/);
  expect(project.lastRun().result.jobs.a).toMatchObject({ status: 'failure', reason: 'environment' });
});
