// A process that fills a cache from a source that never ends, until it is killed. Prints one line when it is under way.
import { dockerEngine } from './docker-engine.ts';
import { imageOf } from './sandbox.ts';

const [, , runId = '', store = ''] = process.argv;
const engine = await dockerEngine({ runId });
const image = await imageOf(engine, 'busybox:latest');
async function* endless(): AsyncGenerator<Uint8Array> {
  console.log('held');
  await new Promise(() => setInterval(() => undefined, 1000));
  yield new Uint8Array();
}
const cache = { cache: 'held', volume: `${runId}-held`, store: store || null, path: '/cache' };
await engine.caches.fill(cache, image, endless());
