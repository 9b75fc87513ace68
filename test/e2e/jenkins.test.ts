// The Jenkins library in Jenkins' own CPS engine with the program that it brings, on the real engine: the digest of a local run,
// secrets, what an abort leaves, and agents without Node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cacheHome } from '../rig/cli.ts';
import { cps, Jenkins, library, type Build, type Scenario } from '../rig/jenkins.ts';
import { Project, removeSnapshots } from '../rig/project.ts';

const pipeline = `version: 1
defaults: { image: "busybox:latest" }
secrets:
  TOKEN: {}
  LOGIN_USR: { guard: false }
  LOGIN_PSW: {}
  KEY: { file: true }
jobs:
  make:
    secrets: [TOKEN, LOGIN_USR, LOGIN_PSW, KEY]
    steps:
      - |
        mkdir -p out/empty
        printf '%s' "$TOKEN$LOGIN_USR$LOGIN_PSW" | sha256sum | cut -c1-64 >out/sum
        sha256sum <"$KEY_FILE" | cut -c1-64 >>out/sum
        echo "the token is $TOKEN"
      - { id: out, run: 'echo word=hi >>"$LOCKSTEP_OUTPUT"' }
    outputs: { word: "\${{ steps.out.outputs.word }}" }
    artifacts: { out: out/** }
  use:
    needs: [make]
    env: { WORD: "\${{ needs.make.outputs.word }}" }
    steps: ['test "$WORD" = hi && test -d out/empty && cat out/sum']
  may:
    needs: [make]
    matrix: { n: [1, "a b"] }
    steps: ['echo "<$N $FACTS>"; test "$N" = 1']
    env:
      N: "\${{ matrix.n }}"
      FACTS: "\${{ git.branch }} \${{ git.ref }} \${{ event.name }}"
    allow-failure: true
`;
const value = `a "quoted" 'value' with $HOME, \`ticks\` and \\\nsecond line`;
const credentials = {
  text: { kinds: ['string'], secret: value },
  login: { kinds: ['usernamePassword', 'usernameColonPassword'], username: 'ann', password: value },
  ssh: { kinds: ['sshUserPrivateKey'], key: `-----BEGIN\n${value}\n`, username: 'git' },
};
const given = `credentials: [TOKEN: 'text', LOGIN: [kind: 'usernamePassword', id: 'login'], KEY: [kind: 'sshUserPrivateKey', id: 'ssh']]`;

describe.skipIf('missing' in cps)(`Jenkins${'missing' in cps ? ` (${cps.missing})` : ''}`, () => {
  let jenkins: Jenkins;
  const homes: string[] = [];
  beforeAll(async () => {
    jenkins = await Jenkins.start();
  });
  afterAll(async () => {
    await jenkins[Symbol.asyncDispose]();
    for (const home of homes) {
      removeSnapshots(cacheHome(home));
      for (const folder of [home, cacheHome(home)]) rmSync(folder, { recursive: true, force: true });
    }
  });

  const newHome = (): string => {
    const home = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-jenkins-')));
    homes.push(home);
    return home;
  };
  const run = (
    project: Project,
    script: string,
    more: Partial<Scenario> = {},
    seen?: (line: string) => void,
  ): Promise<Build & { readonly home: string }> => {
    const home = newHome();
    const commit = project.sh('git rev-parse HEAD').trim();
    const build = jenkins.run({ script, home, repository: project.path, commit, ...more }, seen);
    return build.then((ended) => ({ ...ended, home }));
  };

  test('one agent, or one for each job: the digest of a local run, and no value of a secret anywhere', async () => {
    using project = new Project({ 'lockstep.yml': pipeline, 'key.pem': `-----BEGIN\n${value}\n` });
    project.sh('echo key.pem >.gitignore');
    project.commit();
    const local = project.start(['run', '--secret', 'KEY=file:key.pem', '--branch', 'feature/y z'], {
      ...{ LOCKSTEP_SECRET_TOKEN: value, LOCKSTEP_SECRET_LOGIN_USR: 'ann', LOCKSTEP_SECRET_LOGIN_PSW: value },
    });
    expect((await local.end).code, (await local.end).output).toBe(0);
    const { digest } = project.lastRun().times;
    for (const more of ['', ', parallelStages: true']) {
      const build = await run(
        project,
        `def r = lockstep(${given}${more}); echo "\${r.status} \${r.digest} \${r.outputs.make.word}"`,
        {
          credentials,
        },
      );
      expect(build.end, `${String(build.error)}\n${build.log}`).toBe('UNSTABLE');
      expect(build.log).toContain(`success ${digest} hi`);
      expect(build.log).toContain('lockstep: failed, and may: may[n=a b]');
      expect(build.log).toMatch(/<a b feature\/y z refs\/heads\/feature\/y z push>$/m);
      expect(build.of('recordIssues')).toHaveLength(1);
      const summary = readFileSync(join(build.home, 'archive/summary.md'), 'utf8');
      expect(summary).toContain('http://jenkins.test/job/web/7/artifact/make/out/');
      expect(existsSync(join(build.home, 'archive/make/out'))).toBe(true);
      if (more !== '') expect(build.of('stage').map(({ name }) => name)).toContain('may[n=a b]');
      expect(build.log).toContain('the token is ***');
      expect(JSON.stringify(build)).not.toContain('ticks');
    }
  });

  test('abort: the step gets SIGTERM, finally runs, and the run tells that it was cancelled', async () => {
    using project = new Project({
      'lockstep.yml': `version: 1
jobs:
  slow:
    image: busybox:latest
    steps: [{ name: wait, run: "trap 'echo caught TERM; exit 7' TERM; echo now waiting; while :; do sleep 0.1; done" }]
    finally: [echo finally ran]
`,
    });
    project.commit();
    const build = await run(project, 'lockstep()', {}, (line) => {
      if (line.endsWith('now waiting')) jenkins.abort();
    });
    expect(build.end).toBe('ABORTED');
    expect(build.log).toMatch(/caught TERM[^]*finally ran/);
    expect(build.of('sh').at(-1)).toMatchObject({ label: 'lockstep sweep' });
  });

  test('an agent that is a container with nothing but docker: Node is taken from the image, and nothing is bind-mounted', () => {
    const name = `lockstep-test-agent-${process.pid}`;
    const docker = (...words: string[]): string =>
      execFileSync('docker', words, { encoding: 'utf8', stdio: 'pipe' });
    using project = new Project({
      'lockstep.yml': `{version: 1, jobs: {a: {image: "busybox:latest", steps: [test -f src]}}}\n`,
    });
    project.write({ src: 'x' });
    // An agent has the engine's socket; its files are its own. It has no C library at all, so Node needs the image's.
    const socket = '/var/run/docker.sock';
    docker(
      'run',
      '-d',
      '--rm',
      '--name',
      name,
      '-v',
      `${socket}:${socket}`,
      'busybox:latest',
      'sleep',
      '600',
    );
    try {
      const client = execFileSync('sh', ['-c', 'readlink -f "$(command -v docker)"'], {
        encoding: 'utf8',
      }).trim();
      docker('exec', name, 'mkdir', '-p', '/bin', '/home/agent/work space@2', '/home/agent/tmp');
      docker('cp', client, `${name}:/bin/docker`);
      for (const file of ['lockstep.mjs', 'agent.sh'])
        docker('cp', join(library, 'resources/lockstep', file), `${name}:/home/agent/tmp/${file}`);
      docker('cp', `${project.path}/.`, `${name}:/home/agent/work space@2`);
      const words = ['/home/agent/tmp/agent.sh', 'node:24-bookworm-slim', 'run', '--no-reuse'];
      const agent = [
        'exec',
        '-e',
        'HOME=/home/agent',
        '-w',
        '/home/agent/work space@2',
        name,
        'sh',
        ...words,
      ];
      expect(docker(...agent)).toMatch(/^result sha256:[0-9a-f]{64}$/m);
      // Kept for the next build.
      expect(docker('exec', name, 'sh', '-c', 'rm /bin/docker; ls /home/agent/.cache/lockstep/node')).toBe(
        'node-24-bookworm-slim\n',
      );
      expect(docker(...agent)).toMatch(/^result sha256:[0-9a-f]{64}$/m);
    } finally {
      docker('rm', '-f', name);
    }
  });
});
