// Debian's docker-registry on a loopback port, with a folder of its own: a real registry to pull from.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { docker, until } from './engine.ts';

export class Registry implements AsyncDisposable {
  /** `127.0.0.1:PORT`: engines take loopback registries without TLS. */
  readonly address: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(address: string, process: ChildProcess, folder: string) {
    this.address = address;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(): Promise<Registry> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-registry-'));
    const address = `127.0.0.1:${await freePort()}`;
    const config = join(folder, 'config.yml');
    const storage = { filesystem: { rootdirectory: join(folder, 'data') } };
    writeFileSync(config, JSON.stringify({ version: 0.1, storage, http: { addr: address } }));
    const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    const registry = new Registry(address, child, folder);
    await until(
      'the registry answers',
      async () => (await fetch(`http://${address}/v2/`).catch(() => null))?.ok === true,
    );
    return registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Builds and pushes a version of the image that tells itself apart by `$VERSION`; gives its digest in the registry.
 * `keep`: the tag stays in the engine.
 */
export function publish(image: string, version: string, { keep = false } = {}): string {
  execFileSync('docker', ['build', '-q', '-t', image, '-'], {
    input: `FROM busybox:latest\nENV VERSION=${version}\n`,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(docker('push', image))?.[1];
  if (!keep) docker('rmi', '-f', image);
  return digest ?? 'no digest';
}

/** Nobody listened there just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
