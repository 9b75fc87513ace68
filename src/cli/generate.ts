// `lockstep generate PLATFORM`: the file that runs each job on a machine of its own, or, with --check, whether it is up to date.
import { join, resolve } from 'node:path';
import { findDifference, generateFanOut, writeFanOut } from '../compose/generate.ts';
import { findPipelineFile } from '../compose/pipeline-file.ts';
import type { Generator, GeneratorWords } from '../../providers/generators.ts';
import { showDiagnostics, showFailure } from './show.ts';

export interface GenerateOptions {
  readonly file?: string;
  readonly param: Readonly<Record<string, string>>;
  readonly allow: readonly string[];
  readonly output?: string;
  readonly check?: boolean;
}

/** `words`: those of the platform's own options. */
export async function generateCommand(
  generator: Generator,
  jobs: readonly string[],
  options: GenerateOptions,
  words: GeneratorWords,
): Promise<number> {
  const file = findPipelineFile(process.cwd(), options.file);
  if (!file.ok) return showFailure(file.failure);
  const generated = await generateFanOut(
    file.value,
    {
      ...{ jobs, params: options.param, allow: options.allow },
      command: commandOf(generator, jobs, options, words),
    },
    process.env,
    (fanOut) => generator.render(fanOut, words),
  );
  if (!generated.ok) return showFailure(generated.failure);
  const { text, diagnostics, sources } = generated.value;
  if (showDiagnostics(diagnostics, sources) || text === null) return 2;
  if (options.output === '-' && !options.check) {
    process.stdout.write(text);
    return 0;
  }
  const output = outputFile(options);
  const path = output === undefined ? join(file.value.root, generator.usualPath) : resolve(output);
  const name = output ?? generator.usualPath;
  if (!options.check) {
    const failure = writeFanOut(path, text);
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
function commandOf(
  { name, options: own }: Generator,
  jobs: readonly string[],
  options: GenerateOptions,
  words: GeneratorWords,
): readonly string[] {
  const given = (option: string, value: string | undefined): string[] =>
    value === undefined ? [] : [option, value];
  return [
    ...['lockstep', 'generate', name, ...jobs],
    ...given('--file', options.file),
    ...Object.entries(options.param).flatMap(([param, value]) => ['--param', `${param}=${value}`]),
    ...own.flatMap((option) => given(`--${option.name}`, words[option.name]?.join(','))),
    ...(options.allow.length > 0 ? ['--allow', ...options.allow] : []),
    ...given('--output', outputFile(options)),
  ];
}
