import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { ServiceLog } from '../../../../engine/docker/service-log.ts';
import { createRedactor } from '../../../../src/report/redact/redactor.ts';

const secret = 'tok_AAAAbbbbCCCCdddd';
const redactor = createRedactor([{ name: 'TOKEN', value: Buffer.from(secret), guard: true }]);

/** As the engine frames it: 1 is stdout, 2 stderr. */
function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function lastLines(...frames: readonly Buffer[]): Promise<string> {
  const stream = new PassThrough();
  const log = new ServiceLog(stream, redactor);
  for (const bytes of frames) stream.write(bytes);
  stream.end();
  stream.on('end', () => stream.destroy());
  await log.ended;
  return log.lastLines();
}

test('a value is masked though the other stream speaks in between', async () => {
  const [first, second] = [secret.slice(0, 8), secret.slice(8)];
  expect(await lastLines(frame(1, `a ${first}`), frame(2, 'warn\n'), frame(1, `${second}\n`))).toBe(
    'a warn\n***',
  );
});

test('what is cut away was masked before', async () => {
  const wrapped = Buffer.from(secret.repeat(200)).toString('base64').replace(/.{16}/g, '$&\n');
  expect(await lastLines(frame(1, wrapped))).not.toMatch(/[A-Za-z0-9+/]{8}/);
  const long = `${secret} `.repeat(10_000);
  expect((await lastLines(frame(1, long))).replaceAll('***', '')).not.toMatch(/\w/);
});

test('the last lines come whole, with what was held back as the beginning of a value', async () => {
  const lines = Array.from({ length: 60 }, (_, at) => `line ${at}`);
  const told = await lastLines(frame(2, `${lines.join('\n')}\ntok_`));
  expect(told.split('\n')).toEqual([...lines.slice(-49), 'tok_']);
});
