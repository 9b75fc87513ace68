import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pipelineJsonSchema } from '../../../src/pipeline/json-schema.ts';

it('is what docs/lockstep.schema.json holds: `lockstep schema > docs/lockstep.schema.json` writes it anew', () => {
  const committed = readFileSync(new URL('../../../docs/lockstep.schema.json', import.meta.url), 'utf8');
  expect(committed).toBe(`${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`);
});

it('explains every key of a file, a job and a step', () => {
  const bare: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, member] of Object.entries<unknown>({ ...node })) {
      if (key === 'properties' && typeof member === 'object' && member !== null) {
        for (const [name, property] of Object.entries<unknown>({ ...member })) {
          if (typeof property !== 'object' || property === null || !('description' in property))
            bare.push(`${path}.${name}`);
        }
      }
      visit(member, `${path}.${key}`);
    }
  };
  visit(pipelineJsonSchema(), '');
  expect(bare).toEqual([]);
});
