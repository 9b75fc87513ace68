// A dockerd of the test's own, beside the machine's: to be stopped, killed and started again. Needs root and dockerd.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
    : (['dockerd', 'ip'].filter((program) => !has(program)).map((program) => `needs ${program}`)[0] ?? null);

export class SecondEngine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-dockerd-'));
  // Its own, or it would take the first one's docker0 away; an interface name has at most 15 characters.
  readonly #bridge = `lsd${randomBytes(4).toString('hex')}`;
  #daemon: ChildProcess | null = null;

  /** For `DOCKER_HOST` and `--engine`. */
  get address(): string {
    return `unix://${this.#folder}/docker.sock`;
  }

  /** A running engine that has busybox:latest. */
  static async start(): Promise<SecondEngine> {
    const engine = new SecondEngine();
    const image = join(engine.#folder, 'image.tar');
    try {
      execFileSync('ip', ['link', 'add', 'name', engine.#bridge, 'type', 'bridge']);
      execFileSync('ip', ['addr', 'add', `10.${randomInt(200, 250)}.77.1/24`, 'dev', engine.#bridge]);
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
