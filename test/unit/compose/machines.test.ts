// What `lockstep plan --json` says of a machine for each job.
import { expect, test } from 'vitest';
import { previewMachines } from '../../../src/compose/machines.ts';
import { planOf } from '../../rig/in-process.ts';

const machinesOf = (jobs: string) =>
  previewMachines(planOf(`version: 1\ndefaults: { image: "x" }\njobs:\n${jobs}`));
const step = 'steps: [echo]';

test('a job has a machine; each instance of a matrix one of its own, all of which their users need', () => {
  expect(
    machinesOf(`
  use: { needs: [test, lint], ${step} }
  lint: { ${step} }
  test: { needs: [lint], matrix: { node: ["22", "24"], os: ["a b"] }, ${step} }
`),
  ).toEqual([
    { name: 'lint', words: ['lint'], needs: [] },
    {
      name: 'test[node=22,os=a b]',
      words: ['test', '--matrix', 'node=22', '--matrix', 'os=a b'],
      needs: ['lint'],
    },
    {
      name: 'test[node=24,os=a b]',
      words: ['test', '--matrix', 'node=24', '--matrix', 'os=a b'],
      needs: ['lint'],
    },
    { name: 'use', words: ['use'], needs: ['lint', 'test[node=22,os=a b]', 'test[node=24,os=a b]'] },
  ]);
});

test('a matrix of the event is known: the machines are those of this run', () => {
  const matrix = `matrix: { b: ["\${{ git.branch }}", x] }`;
  expect(machinesOf(`  a: { ${matrix}, ${step} }\n`).map(({ name }) => name)).toEqual([
    'a[b=main]',
    'a[b=x]',
  ]);
});

test('one machine for instances that cannot be apart', () => {
  const all = machinesOf(`
  first: { outputs: { m: "{}" }, ${step} }
  fast: { fail-fast: true, matrix: { n: [1, 2] }, ${step} }
  later: { needs: [first, fast], matrix: "\${{ fromJSON(needs.first.outputs.m) }}", ${step} }
`);
  expect(all).toEqual([
    { name: 'first', words: ['first'], needs: [] },
    { name: 'fast', words: ['fast'], needs: [] },
    { name: 'later', words: ['later'], needs: ['first', 'fast'] },
  ]);
});
