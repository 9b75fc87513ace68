// The words of the command line → the command, and its exit code.
import { main } from './main.ts';

// What a library still uses of Node is nothing that a user could change.
process.noDeprecation = true;
for (const stream of [process.stdout, process.stderr]) {
  // That nobody reads any more is no bug; `run` ends its run for it, the other commands are over anyway.
  stream.on('error', () => undefined);
}
void main(process.argv.slice(2)).then((code) => {
  // Not left to the event loop: a request that an engine never answers would keep the process alive.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
});
