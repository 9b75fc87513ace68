// A process that makes a snapshot, and one by way of a bundle, which it never remembers; prints their ids, then waits to be killed.
import { dockerEngine } from './docker-engine.ts';
import { value } from './reuse.ts';
import { imageOf, never, opened, specFor } from './sandbox.ts';

const [runId = '', store = ''] = process.argv.slice(2);
const engine = await dockerEngine({ runId });
const image = await imageOf(engine, 'busybox:latest');
const sandbox = await opened(engine, specFor(image, { runId }));
const made = value(await sandbox.snapshot(store, never));
const brought = value(
  await engine.snapshots.import(value(await engine.snapshots.export(made.id, image)), image, store),
);
console.log(`${made.id} ${brought.id}`);
