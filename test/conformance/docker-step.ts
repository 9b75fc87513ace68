// What a step in a container gets, may do and leaves, whichever way it is run. Real shells of real images.
import { afterAll, beforeAll, describe } from 'vitest';
import type { Engine, Image, Sandbox, SandboxSpec, StepSpec } from '../../src/contract/sandbox.ts';
import { dockerEngine } from './docker-engine.ts';
import { type Ran, imageOf, noSecrets, opened, runStep, specFor } from './sandbox.ts';
import { stepsEnded } from './step-ended.ts';
import { stepsGiven } from './step-given.ts';
import { stepsWritten } from './step-written.ts';

/** One sandbox for all tests, as a job has one for all steps. */
export interface StepRig {
  readonly isolated: boolean;
  readonly busybox: boolean;
  /** There as soon as a test runs. */
  readonly box: Sandbox;
  readonly run: (script: string, more?: Partial<StepSpec>, on?: Sandbox) => Promise<Ran>;
  /** For `box.run` itself. */
  readonly stepOf: (script: string) => StepSpec;
  readonly withSandbox: (
    more: Partial<SandboxSpec>,
    use: (sandbox: Sandbox) => Promise<void>,
  ) => Promise<void>;
}

export function dockerSteps(reference: string, isolated: boolean): void {
  describe(`steps in ${reference}, ${isolated ? 'an exec for each' : 'a shell for all'}`, () => {
    let engine: Engine;
    let image: Image;
    let box: Sandbox;
    const rig: StepRig = {
      isolated,
      busybox: reference.startsWith('busybox'),
      get box() {
        return box;
      },
      run: (script, more = {}, on = box) => runStep(on, script, { isolated, ...more }),
      stepOf: (script) => ({
        ...{ script, shell: ['sh'], env: {}, user: null, workdir: '/', isolated },
        ...noSecrets,
      }),
      async withSandbox(more, use) {
        const sandbox = await opened(engine, specFor(image, more));
        try {
          await use(sandbox);
        } finally {
          await sandbox.close();
        }
      },
    };

    beforeAll(async () => {
      engine = await dockerEngine();
      image = await imageOf(engine, reference);
      box = await opened(engine, specFor(image));
    });
    afterAll(() => engine.close());

    stepsGiven(rig);
    stepsWritten(rig);
    stepsEnded(rig);
  });
}
