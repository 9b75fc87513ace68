// The schema of the language → a JSON Schema for editors.
import * as z from 'zod';
import { pipelineSchema } from '../model/pipeline.ts';

/** Draft 7, which every editor reads. `lockstep schema > docs/lockstep.schema.json` writes the committed copy. */
export function pipelineJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(pipelineSchema, { io: 'input', target: 'draft-7' });
  return {
    ...schema,
    title: 'Lockstep pipeline',
    patternProperties: { '^x-': { description: 'Free, for anchors.' } },
  };
}
