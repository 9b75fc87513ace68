// A socket before the engine's own that a test can cut or freeze: an engine that dies or hangs, without harming it.
import { mkdtemp, rm } from 'node:fs/promises';
import { type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Gateway {
  /** `unix://…` */
  readonly address: string;
  /** All connections break and new ones are refused. */
  cut(): void;
  /** Nothing is answered any more, and nothing is closed. */
  freeze(): void;
  close(): Promise<void>;
}

export async function gatewayTo(socketPath: string): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-gateway-'));
  const path = join(folder, 'engine.sock');
  const sockets = new Set<Socket>();
  let frozen = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: socketPath, allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    if (frozen) return;
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `unix://${path}`,
    cut,
    freeze() {
      frozen = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    async close() {
      cut();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
