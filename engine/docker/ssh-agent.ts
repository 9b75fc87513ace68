// ssh://USER@HOST → HTTP connections to the engine over there.
import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';
import type { Environment } from '../../src/contract/provider.ts';
import type { Address } from './engine-places.ts';

/**
 * As `docker` does it: the user's own ssh, with its config, keys and known hosts, runs `docker system dial-stdio` over
 * there. (docker-modem's own ssh checks no host key.)
 */
export function sshAgent(address: Address & { kind: 'ssh' }, environment: Environment): Agent {
  const agent = new Agent({ keepAlive: true });
  const port = address.port === null ? [] : ['-p', String(address.port)];
  const words = ['-o', 'BatchMode=yes', ...port, '--', address.target, 'docker', 'system', 'dial-stdio'];
  agent.createConnection = () => {
    const stream = processStream('ssh', words, environment);
    // What an HTTP client asks of a socket and a pipe does not have.
    const itself = (): typeof stream => stream;
    return Object.assign(stream, {
      setKeepAlive: itself,
      setNoDelay: itself,
      setTimeout: itself,
      ref: itself,
      unref: itself,
    });
  };
  return agent;
}

/** The program's stdin and stdout as one stream; what it complains about on stderr is the stream's error. */
function processStream(program: string, words: readonly string[], environment: Environment): Duplex {
  const child = spawn(program, words, { env: environment, stdio: 'pipe' });
  let complaint = '';
  const stream = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk: Buffer, _, done) => void child.stdin.write(chunk, done),
    final: (done) => void child.stdin.end(done),
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (complaint = (complaint + text).slice(-2_000)));
  child.once('error', (error) => stream.destroy(error));
  child.once('close', (code) => {
    if (code === 0) stream.push(null);
    else stream.destroy(new Error(complaint.trim() || `${program} ended with ${code ?? 'a signal'}`));
  });
  return stream;
}
