// A process that holds a sandbox with a service and a running step until it is killed. Prints one line when it does.
import { hidesNothing } from '../../src/compose/redaction.ts';
import { dockerEngine } from './docker-engine.ts';
import { imageOf, never, opened, runStep, specFor } from './sandbox.ts';

const runId = process.argv[2] ?? '';
const engine = await dockerEngine({ runId });
const image = await imageOf(engine, 'busybox:latest');
const sandbox = await opened(engine, specFor(image, { runId, network: true, hasServices: true }));
const service = {
  name: 'web',
  image,
  env: {},
  command: ['sleep', '600'],
  entrypoint: null,
  ready: null,
  resources: {},
  user: null,
  privileged: false,
  secretEnv: {},
  redactor: hidesNothing,
};
const started = await sandbox.startServices([service], () => undefined, never);
if (!started.ok) throw new Error(started.failure.message);
await runStep(sandbox, 'echo held; sleep 600', {}, undefined, () => {
  console.log('held');
});
