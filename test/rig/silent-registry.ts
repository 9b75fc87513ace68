// A registry that takes every connection and never answers.
import { createServer, type Socket } from 'node:net';

export interface SilentRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: engines talk plain HTTP to loopback. */
  readonly address: string;
  /** Resolves once somebody asked. */
  readonly asked: Promise<unknown>;
}

export async function startSilentRegistry(): Promise<SilentRegistry> {
  const sockets = new Set<Socket>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<null>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => ask(null));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    address: `127.0.0.1:${address.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
