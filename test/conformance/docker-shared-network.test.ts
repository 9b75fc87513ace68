// Quick jobs one after the other: who may have the network of whom, and that nobody can tell.
import { afterAll, describe, expect, test } from 'vitest';
import type { Engine, Image, Sandbox, SandboxSpec } from '../../src/contract/sandbox.ts';
import type { Failure } from '../../src/model/failure.ts';
import { until } from '../rig/engine.ts';
import { docker, dockerEngine } from './docker-engine.ts';
import { containersOf, debianWithout, removeMade } from './docker-run.ts';
import { imageOf, opened, runStep, specFor } from './sandbox.ts';

interface Jobs {
  /** Opens a job, has it run the script, and keeps it open. */
  readonly begin: (script: string, more?: Partial<SandboxSpec>) => Promise<Begun>;
  readonly refused: (more: Partial<SandboxSpec>) => Promise<Failure | null>;
  readonly image: (reference: string) => Promise<Image>;
}

interface Begun {
  readonly sandbox: Sandbox;
  readonly id: string;
  readonly stdout: string;
  readonly mode: string;
}

/** An engine of its own for each test: what did not serve once is not tried again. */
async function withJobs(use: (jobs: Jobs) => Promise<void>): Promise<void> {
  const runId = `test-${crypto.randomUUID()}`;
  const engine: Engine = await dockerEngine({ runId });
  const image = (reference: string): Promise<Image> => imageOf(engine, reference);
  const debian = await image('debian:bookworm-slim');
  let number = 0;
  const begin: Jobs['begin'] = async (script, more = {}) => {
    const job = `job ${number++}`;
    const sandbox = await opened(engine, specFor(debian, { runId, job, network: true, ...more }));
    const { stdout, exitCode } = await runStep(sandbox, script);
    expect(exitCode, script).toBe(0);
    const [found] = (await containersOf(runId)).filter((one) => one.Labels['dev.lockstep.job'] === job);
    const id = found?.Id ?? '';
    return { sandbox, id, stdout, mode: found?.HostConfig.NetworkMode ?? '' };
  };
  const refused: Jobs['refused'] = async (more) => {
    const outcome = await engine.open(specFor(debian, { runId, network: true, ...more }));
    return outcome.ok ? null : outcome.failure;
  };
  try {
    await use({ begin, image, refused });
  } finally {
    await engine.close();
  }
  await until('all containers are gone', async () => (await containersOf(runId)).length === 0);
}

const isFrozen = async (id: string): Promise<boolean> =>
  (await docker.getContainer(id).inspect()).State.Paused;

afterAll(removeMade);

/** The engine's own name for a network that nobody else is in. */
const ofItsOwn = /^(default|bridge)$/;

/** What a job can see of where it is. */
const surroundings = `cat /etc/hosts /etc/hostname /etc/resolv.conf; hostname; id
  ls -ln /etc/hosts /etc/hostname /etc/resolv.conf | cut -d' ' -f1-4; ls /sys/class/net
  cat /proc/net/route /proc/net/sockstat | grep -v mem; cat /proc/self/status | grep Cap; cat /proc/sys/net/ipv4/ip_unprivileged_port_start`;

describe('a quick job that follows another', () => {
  test('has its network, sees what the first one saw, and is alone', async () => {
    await withJobs(async ({ begin, image }) => {
      const first = await begin(surroundings);
      expect(first.mode).toMatch(ofItsOwn);
      await first.sandbox.close();
      const second = await begin(surroundings);
      expect(second.mode).toBe(`container:${first.id}`);
      expect(second.stdout).toBe(first.stdout);
      expect(await isFrozen(first.id)).toBe(true);
      await second.sandbox.close();
      const third = await begin('ls /sys/class/net; id -u', { user: '1000' });
      expect(third).toMatchObject({ mode: `container:${first.id}`, stdout: 'eth0\nlo\n1000\n' });
      expect(await isFrozen(second.id)).toBe(true);
      await third.sandbox.close();
      // What an image says of itself another need not believe.
      const other = await begin('ls /sys/class/net', { image: await image('busybox:latest') });
      expect(other).toMatchObject({ stdout: 'eth0\nlo\n' });
      expect(other.mode).toMatch(ofItsOwn);
    });
  });

  test('two at once do not share', async () => {
    await withJobs(async ({ begin }) => {
      const first = await begin('true');
      await first.sandbox.close();
      const both = await Promise.all([begin('true'), begin('true')]);
      expect(both.map(({ mode }) => mode.startsWith('container:')).sort()).toEqual([false, true]);
    });
  });

  test.each<[string, Partial<SandboxSpec>]>([
    ['with services', { hasServices: true }],
    ['without a network', { network: false }],
  ])('shares with none %s', async (_, more) => {
    await withJobs(async ({ begin }) => {
      const first = await begin('true');
      await first.sandbox.close();
      const second = await begin('true', more);
      expect(second.mode).not.toMatch(/^container:/);
      await second.sandbox.close();
      expect(await isFrozen(first.id)).toBe(false);
    });
  });
});

describe('a job does not follow one that left something', () => {
  test.each([
    ['a name in hosts', 'echo "127.0.0.2 other" >>/etc/hosts'],
    ['another name server', 'echo "nameserver 127.0.0.2" >/etc/resolv.conf'],
    ['another mode', 'chmod 600 /etc/resolv.conf'],
    ['bytes that a shell reads over', "printf '\\000' >>/etc/hosts"],
    [
      'a connection that the kernel still remembers',
      `perl -MIO::Socket -e '$l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
        $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $l->sockport) or die; $s = $l->accept; close $s; close $c'`,
    ],
  ])('%s', async (_, script) => {
    await withJobs(async ({ begin }) => {
      const first = await begin(script);
      await first.sandbox.close();
      const second = await begin(surroundings);
      expect(second.mode).toMatch(ofItsOwn);
      expect(second.stdout).not.toMatch(/other|127\.0\.0\.2/);
    });
  });

  test('somebody who hides from our shells is frozen, and what it holds is found', async () => {
    await withJobs(async ({ begin, image }) => {
      const perl = { image: await image('debian:bookworm-slim') };
      const first = await begin('true', perl);
      await first.sandbox.close();
      // As a step might that has taken over the main shell: bound, not even listening.
      const hidden = await docker.getContainer(first.id).exec({
        Cmd: [
          'perl',
          '-MSocket',
          '-e',
          'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(8080, INADDR_ANY)); $| = 1; print "up"; sleep 600',
        ],
        AttachStdout: true,
      });
      const output = await hidden.start({});
      await new Promise((resolve) => output.once('data', resolve));
      const second = await begin('true', perl);
      expect(second.mode).toMatch(ofItsOwn);
      expect(await isFrozen(first.id)).toBe(true);
      output.destroy();
    });
  });

  test('nor where the image cannot tell', async () => {
    await withJobs(async ({ begin }) => {
      const blind = { image: await debianWithout('ls') };
      const first = await begin('true', blind);
      await first.sandbox.close();
      expect((await begin('true', blind)).mode).toMatch(ofItsOwn);
    });
  });

  test('a job that cannot be started says why, and the next one shares', async () => {
    await withJobs(async ({ begin, refused }) => {
      const first = await begin('true');
      await first.sandbox.close();
      expect(await refused({ user: 'nobody-knows' })).toMatchObject({ code: 'step-not-startable' });
      const second = await begin('true');
      expect(second.mode).toMatch(ofItsOwn);
      await second.sandbox.close();
      expect((await begin('true')).mode).toBe(`container:${second.id}`);
    });
  });
});
