// `lockstep schema`: the JSON Schema of the pipeline file.
import { pipelineSchema } from '../compose/plan.ts';

export async function schemaCommand(): Promise<number> {
  process.stdout.write(`${JSON.stringify(await pipelineSchema(), null, 2)}\n`);
  return 0;
}
