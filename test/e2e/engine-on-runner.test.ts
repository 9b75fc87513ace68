// The CLI in a container without privileges and without a socket, and a dockerd that listens beside it: docker:dind as a job of
// GitLab's sees it. And what is told where none can be there.
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { docker, until } from '../rig/engine.ts';
import { buildLockstepImage, lockstepImage } from '../rig/image.ts';
import { Project } from '../rig/project.ts';
import { noSecondEngine, SecondEngine } from '../rig/second-engine.ts';

const pipeline = {
  'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [{name: say, run: echo said}]}}}',
};

const endless = {
  'lockstep.yml': `{version: 1, jobs: {a: {image: "busybox:latest", services: {s: {image: "busybox:latest",
    command: [sleep, "1000"], ready: {run: "true"}}}, steps: [{name: wait, run: echo up; sleep 1000}]}}}`,
};
const killedRun =
  'lockstep run & until grep -qs "^up" .lockstep/runs/*/logs/a.log; do kill -0 $! || exit; sleep 0.1; done; kill -9 $!';

/** Why no container here can be privileged; null when one can. */
const noPrivileges = ((): string | null => {
  try {
    docker('run', '--rm', '--privileged', 'busybox:latest', 'true');
    return null;
  } catch {
    return " (this machine's engine starts no privileged containers)";
  }
})();

const started: string[] = [];
beforeAll(buildLockstepImage);
afterEach(() => {
  for (const name of started.splice(0)) spawn('docker', ['rm', '-f', name]);
});

/** A GitLab job in a container of the machine's own engine. `words`: of `docker run`. */
function startJob(
  project: Project,
  words: readonly string[],
  command: readonly string[] = ['lockstep', 'run'],
) {
  const name = `lockstep-test-${randomUUID()}`;
  started.push(name);
  const variables = [
    ...['GITLAB_CI=true', 'CI_DISPOSABLE_ENVIRONMENT=true', 'CI_PROJECT_PATH=o/r'],
    ...[
      'CI_PROJECT_DIR=/builds/o/r',
      'CI_PIPELINE_SOURCE=push',
      'CI_COMMIT_BRANCH=main',
      'CI_DEFAULT_BRANCH=main',
    ],
  ];
  const child = spawn(
    'docker',
    [
      ...['run', '--rm', '--name', name, '-v', `${project.path}:/builds/o/r`, '-w', '/builds/o/r'],
      ...variables.flatMap((variable) => ['-e', variable]),
      ...words,
      lockstepImage,
      ...command,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  return {
    name,
    printed: (what: string) => until(`it prints ${what}: ${output}`, () => output.includes(what)),
    end: closed.then(() => ({ code: child.exitCode, output })),
  };
}

describe.skipIf(noSecondEngine !== null)(
  `a dockerd beside it${noSecondEngine ? ` (${noSecondEngine})` : ''}`,
  () => {
    describe.each(['tls', 'plain'] as const)('%s', (tcp) => {
      let engine: SecondEngine;
      let words: string[];
      beforeAll(async () => {
        engine = await SecondEngine.start({ tcp });
        words = ['--add-host', `docker:${engine.ip}`, '-v', `${engine.certificates}:/certs/client:ro`];
      });
      afterAll(async () => engine[Symbol.asyncDispose]());

      test('is found, and the log says which', async () => {
        using project = new Project(pipeline);
        const { code, output } = await startJob(project, words).end;
        expect(code, output).toBe(0);
        expect(output).toContain(`(tcp://docker:${tcp === 'tls' ? 2376 : 2375})`);
        expect(output).toContain('said');
      });

      test('is waited for, also where DOCKER_HOST names it, and its certificates', async () => {
        using project = new Project(pipeline);
        const named = {
          tls: ['DOCKER_HOST=tcp://docker:2376', 'DOCKER_TLS_VERIFY=1', 'DOCKER_CERT_PATH=/certs/client'],
          plain: ['DOCKER_HOST=tcp://docker:2375'],
        }[tcp].flatMap((variable) => ['-e', variable]);
        const key = (name: string): string => `${engine.certificates}/${name}`;
        await engine.kill();
        if (tcp === 'tls') renameSync(key('key.pem'), key('later'));
        const job = startJob(project, [...words, ...named]);
        await job.printed('waiting for a container engine');
        if (tcp === 'tls') await job.printed('there are no certificates in /certs/client');
        await engine.up();
        if (tcp === 'tls') renameSync(key('later'), key('key.pem'));
        const { code, output } = await job.end;
        expect(code, output).toBe(0);
        expect(output.match(/waiting for/g)).toHaveLength(1);
      });

      test('sweep removes what a run there left that nobody ended', async () => {
        using project = new Project(endless);
        const { code, output } = await startJob(project, words, [
          'sh',
          '-c',
          `(${killedRun}) 2>&1; lockstep sweep`,
        ]).end;
        expect(code, output).toBe(0);
        expect(output).toMatch(/^removed \d left-overs$/m);
        expect(engine.docker('ps', '-aq')).toBe('');
      });
    });

    test('who waits can be stopped', async () => {
      using project = new Project(pipeline);
      const engine = await SecondEngine.start({ tcp: 'plain' });
      try {
        await engine.kill();
        const job = startJob(project, ['--init', '--add-host', `docker:${engine.ip}`]);
        await job.printed('waiting for a container engine');
        docker('kill', '--signal', 'TERM', job.name);
        expect((await job.end).code).toBe(143);
      } finally {
        await engine[Symbol.asyncDispose]();
      }
    });
  },
);

/** What docker:dind does without TLS, of Debian's packages. */
const recipe = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends docker.io iptables
CMD ["sh", "-c", "dockerd --host tcp://0.0.0.0:2375 --tls=false --storage-driver vfs"]
`;

describe.skipIf(noPrivileges !== null)(`a dockerd in a container${noPrivileges ?? ''}`, () => {
  test('is found as the service docker', async () => {
    const network = ['--network', 'host', '--build-arg', 'http_proxy', '--build-arg', 'HTTP_PROXY'];
    execFileSync('docker', ['build', '-q', ...network, '-t', 'lockstep-test/dind', '-'], {
      input: recipe,
      stdio: 'pipe',
    });
    using project = new Project(pipeline);
    const service = `lockstep-test-dind-${randomUUID()}`;
    started.push(service);
    docker('run', '-d', '--rm', '--privileged', '--name', service, 'lockstep-test/dind');
    execFileSync('sh', [
      ...['-c', 'docker save busybox:latest | docker exec -i "$0" sh -c "$1"'],
      ...[service, 'cat > /image; until docker -H tcp://127.0.0.1:2375 load -i /image; do sleep 1; done'],
    ]);
    const address = docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', service);
    const { code, output } = await startJob(project, ['--add-host', `docker:${address}`]).end;
    expect(code, output).toBe(0);
    expect(output).toContain('(tcp://docker:2375)');
  });
});

test('a killed run is swept by after_script, for which the container that ended with it is started again', () => {
  using project = new Project(endless);
  const name = `lockstep-test-${randomUUID()}`;
  started.push(name);
  const volumes = [`${project.path}:/builds/o/r`, '/var/run/docker.sock:/var/run/docker.sock'];
  docker(
    ...['create', '-i', '--name', name, '-w', '/builds/o/r', ...volumes.flatMap((one) => ['-v', one])],
    ...[lockstepImage, 'sh'],
  );
  const script = (input: string): string =>
    execFileSync('docker', ['start', '-ai', name], { input, encoding: 'utf8' });
  script(killedRun);
  const [run = ''] = readdirSync(join(project.path, '.lockstep/runs'));
  const left = (kind: string): string =>
    docker(kind, 'ls', '-q', '--filter', `label=dev.lockstep.run=${run}`);
  expect(left('container')).not.toBe('');
  expect(script('lockstep sweep --ended')).toMatch(/^removed \d+ left-overs$/m);
  expect([left('container'), left('network')]).toEqual(['', '']);
});

test('no service at all: nobody waits, and the missing privileges are named', async () => {
  using project = new Project(pipeline);
  const job = startJob(project, []);
  const { code, output } = await job.end;
  expect(code, output).toBe(3);
  expect(output).not.toContain('waiting');
  expect(output).toContain('tcp://docker:2375 (the service docker): there is no such host');
  expect(output).toContain('set privileged = true in its config.toml');
});

test('the image, as a user that it does not know, in a checkout that belongs to another', async () => {
  using project = new Project({ ...pipeline, '.gitignore': '.lockstep\n' });
  project.commit();
  const group = docker(
    'run',
    '--rm',
    '-v',
    '/var/run/docker.sock:/s',
    'busybox:latest',
    'stat',
    '-c',
    '%g',
    '/s',
  );
  project.sh('chmod -R o+rwX .');
  const { code, output } = await startJob(project, [
    ...['-v', '/var/run/docker.sock:/var/run/docker.sock', '--user', '4321:4321', '--group-add', group],
  ]).end;
  expect(code, output).toBe(0);
});
