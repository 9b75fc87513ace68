import { expect, it } from 'vitest';
import { jobsInNeedOfSecrets, secretsUsedBy } from '../../../src/model/secret-uses.ts';
import { planOf } from '../../rig/in-process.ts';

it('names what jobs, steps, finally and services are granted, and which jobs need one', () => {
  const plan = planOf(`version: 1
secrets: { J: {}, S: {}, F: {}, V: {}, O: { required: false } }
defaults: { image: "x:1" }
jobs:
  a:
    secrets: [J, O]
    steps: [{ run: x, secrets: [S, J] }]
    finally: [{ run: x, secrets: [F] }]
    services: { s: { image: "y:1", secrets: [V] } }
  b: { secrets: [O], steps: [x] }
  c: { steps: [x] }
`);
  expect(secretsUsedBy(plan.jobs)).toEqual(['F', 'J', 'O', 'S', 'V']);
  expect([...jobsInNeedOfSecrets(plan)]).toEqual([['a', ['F', 'J', 'S', 'V']]]);
});
