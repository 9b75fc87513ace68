// A step that draws at random, and a run that fails after it: no later run may mix what two runs drew.
import { expect, test } from 'vitest';
import { scriptedEngine } from '../../fakes/scripted-engine.ts';
import { memoryStore } from '../../fakes/memory-store.ts';
import { executeText } from '../../rig/in-process.ts';

const pipeline = (last: string): string => `
version: 1
jobs:
  a:
    image: x
    steps:
      - { id: draw, run: draw }
      - install
      - ${last}
    outputs: { drawn: '\${{ steps.draw.outputs.n }}' }
    artifacts: { n: n }
`;

test('the outputs of one run never meet the files of another', async () => {
  const store = memoryStore();
  let draws = 0;
  let fails = false;
  const engine = scriptedEngine({
    step: async ({ script }, io) => {
      if (script === 'draw') {
        draws += 1;
        io.files.set('/work/n', String(draws));
        return { outputs: `n=${draws}\n` };
      }
      if (script !== 'install') return undefined;
      if (fails) return { exitCode: 1 };
      // Long enough for a snapshot after it.
      const from = Date.now();
      while (Date.now() - from < 1050) await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    },
  });
  const seen: string[] = [];
  const run = async (last: string, answers: boolean) => {
    const { result, events } = await executeText(pipeline(last), { engine, store, answers });
    const stored = events.find((event) => event.type === 'artifact-stored');
    seen.push(`${result.jobs.a?.outputs.drawn ?? '-'} ${stored?.digest ?? '-'}`);
    return result.jobs.a;
  };
  expect((await run('one', true))?.status).toBe('success');
  fails = true;
  expect((await run('one', false))?.status).toBe('failure');
  fails = false;
  const mixed = await run('two', true);
  expect(mixed?.status).toBe('success');
  // Whatever was drawn last: the artifact holds what the output says.
  const honest = await executeText(pipeline('two'), {
    engine: scriptedEngine({
      step: ({ script }, io) => {
        if (script !== 'draw') return undefined;
        io.files.set('/work/n', mixed?.outputs.drawn ?? '');
        return { outputs: `n=${mixed?.outputs.drawn ?? ''}\n` };
      },
    }),
  });
  expect(mixed?.artifacts).toEqual(honest.result.jobs.a?.artifacts);
});
