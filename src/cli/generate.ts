// `lockstep generate github`: the workflow that runs each job on a machine of its own, or, with --check, whether it is up to date.
import { join, resolve } from 'node:path';
import { findDifference, generateWorkflow, writeWorkflow } from '../compose/generate.ts';
import { findPipelineFile } from '../compose/pipeline-file.ts';
import { showDiagnostics, showFailure } from './show.ts';

export interface GenerateOptions {
  readonly file?: string;
  readonly param: Readonly<Record<string, string>>;
  readonly allow: readonly string[];
  readonly action: string;
  readonly on: readonly string[];
  readonly runsOn: readonly string[];
  readonly output?: string;
  readonly check?: boolean;
}

const usualPath = join('.github', 'workflows', 'lockstep.yml');

export async function generateGithubCommand(
  jobs: readonly string[],
  options: GenerateOptions,
): Promise<number> {
  const file = findPipelineFile(process.cwd(), options.file);
  if (!file.ok) return showFailure(file.failure);
  const { param, allow, action, on, runsOn } = options;
  const generated = await generateWorkflow(
    file.value,
    {
      ...{ jobs, params: param, allow, action, events: on, runsOn },
      command: commandOf(jobs, options),
    },
    process.env,
  );
  if (!generated.ok) return showFailure(generated.failure);
  const { text, diagnostics, sources } = generated.value;
  if (showDiagnostics(diagnostics, sources) || text === null) return 2;
  if (options.output === '-' && !options.check) {
    process.stdout.write(text);
    return 0;
  }
  const output = outputFile(options);
  const path = output === undefined ? join(file.value.root, usualPath) : resolve(output);
  const name = output ?? usualPath;
  if (!options.check) {
    const failure = writeWorkflow(path, text);
    if (failure !== null) return showFailure(failure);
    process.stdout.write(`${name}: written\n`);
    return 0;
  }
  const difference = findDifference(path, text);
  if (!difference.ok) return showFailure(difference.failure);
  process.stdout.write(
    `${name}: ${difference.value === null ? 'up to date' : `stale: ${difference.value}; to put it right, run this without --check`}\n`,
  );
  return difference.value === null ? 0 : 1;
}

const outputFile = ({ output }: GenerateOptions): string | undefined => (output === '-' ? undefined : output);

/** All that the text depends on, whatever order it was given in. */
function commandOf(jobs: readonly string[], options: GenerateOptions): readonly string[] {
  const given = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [name, value];
  return [
    ...['lockstep', 'generate', 'github', ...jobs],
    ...given('--file', options.file),
    ...Object.entries(options.param).flatMap(([name, value]) => ['--param', `${name}=${value}`]),
    ...['--action', options.action, '--on', options.on.join(','), '--runs-on', options.runsOn.join(',')],
    ...(options.allow.length > 0 ? ['--allow', ...options.allow] : []),
    ...given('--output', outputFile(options)),
  ];
}
