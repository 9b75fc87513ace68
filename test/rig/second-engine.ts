// A dockerd of the test's own, beside the machine's: to be stopped, killed and started again. Needs root and dockerd.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { docker, until } from './engine.ts';

const has = (program: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Why there can be none here; null when there can. */
export const noSecondEngine: string | null =
  process.getuid?.() !== 0
    ? 'needs root'
    : (['dockerd', 'ip', 'openssl']
        .filter((program) => !has(program))
        .map((program) => `needs ${program}`)[0] ?? null);

export class SecondEngine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-dockerd-'));
  readonly #ip = `10.${randomInt(200, 250)}.77.1`;
  readonly #tcp: 'tls' | 'plain' | null;
  // Its own, or it would take the first one's docker0 away; an interface name has at most 15 characters.
  readonly #bridge = `lsd${randomBytes(4).toString('hex')}`;
  #daemon: ChildProcess | null = null;

  private constructor(tcp: 'tls' | 'plain' | null) {
    this.#tcp = tcp;
  }

  /** Where it listens on TCP, at the ports that docker:dind has; containers of the machine's own engine get there. */
  get ip(): string {
    return this.#ip;
  }

  /** With `ca.pem`, `cert.pem` and `key.pem` for who talks TLS to it as `docker`. */
  get certificates(): string {
    return join(this.#folder, 'certs/client');
  }

  /** For `DOCKER_HOST` and `--engine`. */
  get address(): string {
    return `unix://${this.#folder}/docker.sock`;
  }

  /** A running engine that has busybox:latest; `tcp`: it listens there too. */
  static async start({ tcp = null }: { tcp?: 'tls' | 'plain' | null } = {}): Promise<SecondEngine> {
    const engine = new SecondEngine(tcp);
    const image = join(engine.#folder, 'image.tar');
    try {
      execFileSync('ip', ['link', 'add', 'name', engine.#bridge, 'type', 'bridge']);
      execFileSync('ip', ['addr', 'add', `${engine.#ip}/24`, 'dev', engine.#bridge]);
      if (tcp === 'tls') makeCertificates(join(engine.#folder, 'certs'));
      await engine.up();
      docker('save', '-o', image, 'busybox:latest');
      engine.docker('load', '-q', '-i', image);
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  docker(...args: readonly string[]): string {
    return docker('-H', this.address, ...args);
  }

  async up(): Promise<void> {
    const at = (name: string): string => join(this.#folder, name);
    const log = openSync(at('log'), 'w');
    const daemon = spawn(
      'dockerd',
      [
        ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '-H', this.address],
        ...['--bridge', this.#bridge, '--iptables=false', '--ip-masq=false', '--storage-driver', 'vfs'],
        ...this.#listening(at('certs')),
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#daemon = daemon;
    await until('the second engine answers', () => {
      if (daemon.exitCode !== null) throw new Error(readFileSync(at('log'), 'utf8'));
      try {
        return this.docker('version') !== '';
      } catch {
        return false;
      }
    });
  }

  #listening(certs: string): string[] {
    const file = (name: string): string => join(certs, name);
    switch (this.#tcp) {
      case null:
        return [];
      case 'plain':
        return ['-H', `tcp://${this.#ip}:2375`, '--tls=false'];
      case 'tls':
        return [
          ...['-H', `tcp://${this.#ip}:2376`, '--tlsverify', '--tlscacert', file('ca.pem')],
          ...['--tlscert', file('server.pem'), '--tlskey', file('server-key.pem')],
        ];
    }
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#daemon?.kill(signal);
  }

  /** Without a chance to clean up; `up` starts it again. */
  async kill(): Promise<void> {
    // Its containerd too: a new daemon would wait for one that is on its way out. What runs in containers lives on.
    this.#daemon?.kill('SIGKILL');
    this.#daemon = null;
    for (const pid of this.#processes('containerd')) process.kill(pid, 'SIGKILL');
    await until('the second engine is dead', () => this.#processes('dockerd', 'containerd').length === 0);
    // Where nobody reaps orphans the number still stands for a process, and the next daemon would wait for it.
    for (const file of ['pid', 'exec/containerd/containerd.pid'])
      rmSync(join(this.#folder, file), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    for (const pid of this.#processes('containerd-shim')) process.kill(pid, 'SIGKILL');
    const mounts = `grep -F "$0" /proc/mounts | cut -d' ' -f2 | sort -r | xargs -r umount -l`;
    execFileSync('sh', ['-c', mounts, this.#folder]);
    execFileSync('ip', ['link', 'del', this.#bridge]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** All of them name the folder in their command line. */
  #processes(...programs: readonly string[]): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          const [state, line] = ['comm', 'cmdline'].map((name) =>
            readFileSync(`/proc/${pid}/${name}`, 'utf8'),
          );
          return line?.includes(this.#folder) && programs.some((program) => state?.startsWith(program));
        } catch {
          return false;
        }
      })
      .map(Number);
  }
}

/** An authority, and a key and certificate each for the engine `docker` and for its clients: what docker:dind makes. */
function makeCertificates(folder: string): void {
  const script = `
    mkdir -p client
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca-key.pem -out ca.pem
    sign() {
      openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$2" -out request.pem
      printf '%s\\n' "$4" > extensions
      openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile extensions -out "$3"
    }
    sign docker server-key.pem server.pem 'subjectAltName=DNS:docker,DNS:localhost'
    sign client client/key.pem client/cert.pem 'extendedKeyUsage=clientAuth'
    cp ca.pem client/`;
  mkdirSync(folder);
  execFileSync('sh', ['-e', '-c', script], { cwd: folder, stdio: 'pipe' });
}
