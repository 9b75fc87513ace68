// A process of its own that uses a record store: node store-process.ts FOLDER take-turns|write ROUNDS. Prints a line a round.
//
// take-turns: under a key of four, makes sure to be alone, puts a blob and a record, and reads what others put.
// write: the same without looking, until it is killed.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectoryStore } from '../../engine/cache/directory-store.ts';
import type { RecordStore } from '../../src/contract/record-store.ts';
import type { StepRecord } from '../../src/model/record.ts';

const [folder = '', mode, rounds = '1'] = process.argv.slice(2);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const keyOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const never = new AbortController().signal;

const store = openDirectoryStore({
  folder,
  onFault: (message) => say(`fault: ${message}`),
  maxBytes: 1e9,
  platform: process.platform,
  pid: process.pid,
});

for (let round = 0; round < Number(rounds); round++) {
  const name = `key ${randomInt(4)}`;
  const lock = await store.lock(keyOf(name), never);
  const flag = join(folder, `alone ${name}`);
  if (mode === 'take-turns') alone(() => writeFileSync(flag, '', { flag: 'wx' }));
  await put(store, keyOf(name));
  if (mode === 'take-turns') {
    await readAll(store);
    alone(() => rmSync(flag));
  }
  await lock?.release();
  say(`round ${round}`);
}
await store.upkeep(null);

function alone(act: () => void): void {
  try {
    act();
  } catch (error) {
    say(`not alone: ${String(error)}`);
  }
}

async function put(store: RecordStore, key: string): Promise<void> {
  const writer = store.openBlob();
  const size = randomInt(2) === 0 ? randomInt(1000) : randomInt(1_000_000);
  for (let at = 0; at < size; at += 60_000) await writer.write(randomBytes(Math.min(60_000, size - at)));
  const blob = await writer.finish();
  if (blob === null) return;
  const record: StepRecord = {
    schema: 1,
    kind: 'step',
    key,
    at: Date.now(),
    durationMs: size,
    outputs: {},
    summary: '',
    log: { blob },
  };
  await store.putRecord(record);
  await store.putChain('job', { at: Date.now(), links: [] });
}

/** What a record names is there, since nobody removes anything. */
async function readAll(store: RecordStore): Promise<void> {
  for (const file of readdirSync(join(folder, 'records'))) {
    const record = await store.record(`sha256:${file}`);
    if (record?.kind !== 'step' || !('blob' in record.log)) say(`no record ${file}`);
    else {
      const blob = await store.blob(record.log.blob);
      let size = 0;
      for await (const chunk of blob?.chunks ?? []) size += chunk.length;
      if (blob?.verified() !== true || size !== record.durationMs) say(`not whole: ${record.log.blob}`);
    }
  }
}
