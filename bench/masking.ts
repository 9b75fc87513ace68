// The masking stage alone, in chunks of 64 KiB: with 20 secrets of all kinds, against hashing the same bytes with SHA-256;
// in CPU time. `node bench/masking.ts`; what it costs a whole run is a row of bench.ts.
import { createHash, randomBytes } from 'node:crypto';
import { createRedactor } from '../src/report/redact/redactor.ts';
import { twentySecrets } from './twenty-secrets.ts';

const size = 64 << 10;

const values = twentySecrets();
const secrets = Object.entries(values).map(([name, value]) => ({
  ...{ name, value: Buffer.from(value), guard: true },
}));

const linesOf = (line: (index: number) => string): string => {
  const lines: string[] = [];
  for (let length = 0; length < 16 * size; length += lines.at(-1)?.length ?? 0)
    lines.push(line(lines.length));
  return lines.join('');
};
const hex = (index: number) => (index * 2_654_435_761).toString(16).slice(-8);

const logs: Readonly<Record<string, string | Buffer>> = {
  'one line, repeated': linesOf(
    () => 'a line of a log is about as long as this one, and ends with a number: 0123456789\n',
  ),
  'npm install': linesOf(
    (index) =>
      `npm http fetch GET 200 https://packages.example/@scope/name-${hex(index)}/-/name-${index % 30}.${index % 7}.1.tgz ${index % 900}ms (cache miss)\n`,
  ),
  'numbered lines': linesOf((index) => `step ${index} of 20000: compiled src/file-${index * 7}.ts\n`),
  'the same with CRLF': linesOf((index) => `step ${index} of 20000: compiled src/file-${index * 7}.ts\r\n`),
  JSON: linesOf(
    (index) =>
      `${JSON.stringify({ level: 30, time: 1_760_000_000_000 + index, msg: 'request done', req: { id: hex(index), url: `/api/items/${index}?q=a%20b` }, ms: index % 100 })}\n`,
  ),
  'base64 in lines of 76': randomBytes(12 * size)
    .toString('base64')
    .replaceAll(/.{76}/g, '$&\n'),
  'base64 in one line': randomBytes(12 * size).toString('base64'),
  'lines of one letter': linesOf(() => 'y\n'),
  'rows of dashes': linesOf(() => `${'-'.repeat(79)}\n`),
  'bytes of an archive': randomBytes(16 * size),
  'beginnings of secrets': linesOf((index) => {
    const value = secrets[index % secrets.length]?.value.toString() ?? '';
    return `${value.slice(0, 3 + (index % 12))} `;
  }),
  'secrets and nothing else': linesOf(
    (index) => `${secrets[index % secrets.length]?.value.toString() ?? ''}\n`,
  ),
};

/** Until half a second of CPU time is used. */
const megabytesPerSecond = (log: Buffer, work: (chunk: Buffer) => unknown): string => {
  const start = process.cpuUsage();
  let bytes = 0;
  let micros = 0;
  while (micros < 500_000) {
    for (let turn = 0; turn < 16; turn++, bytes += size) work(log.subarray(turn * size, (turn + 1) * size));
    micros = process.cpuUsage(start).user;
  }
  return `${Math.round(bytes / micros)} MB/s`;
};

const built = performance.now();
const redactor = createRedactor(secrets);
redactor.text('to build it');
process.stdout.write(`built in ${(performance.now() - built).toFixed(1)} ms\n`);

const only = process.argv[2] ?? '';
for (const [name, text] of Object.entries(logs)) {
  if (!name.includes(only)) continue;
  const log = Buffer.from(text);
  const [stream, guard, hash] = [redactor.stream(), redactor.guard(), createHash('sha256')];
  const masking = megabytesPerSecond(log, (chunk) => stream.push(chunk));
  const guarding = megabytesPerSecond(log, (chunk) => guard?.push(chunk));
  const hashing = megabytesPerSecond(log, (chunk) => hash.update(chunk));
  process.stdout.write(`${name}: masking ${masking}, guard ${guarding}, SHA-256 ${hashing}\n`);
}
