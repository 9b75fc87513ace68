// argv → exit code: the commands, each in a file of its own that is loaded when it is called.
import { Argument, Command, CommanderError, Option } from 'commander';
import type { CheckOptions } from './check.ts';
import type { MergeOptions } from './merge.ts';
import { fileOption, selectionOptions, wholeNumber } from './options.ts';
import type { PlanOptions } from './plan.ts';
import type { RunCommandOptions } from './run.ts';

declare const LOCKSTEP_VERSION: string | undefined;
/** The bundler fills it in; from the sources it is unknown. */
const version = typeof LOCKSTEP_VERSION === 'string' ? LOCKSTEP_VERSION : '0.0.0-source';

const jobsArgument = () => new Argument('[jobs...]', 'jobs to run, with all they need (default: every job)');

function createProgram(finish: (code: number) => void): Command {
  const program = new Command('lockstep')
    .description('One pipeline file, the same result on a laptop, GitHub Actions, GitLab CI and Jenkins.')
    .version(version, '-V, --version')
    .helpCommand('help [command]', 'what a command does, and its options')
    .showHelpAfterError('(lockstep help shows the commands)')
    .configureHelp({ sortOptions: false, showGlobalOptions: false })
    .exitOverride();
  const add = (name: string, description: string): Command =>
    program.command(name).description(description).exitOverride().allowExcessArguments(false);

  const run = add('run', 'run the pipeline in containers').addArgument(jobsArgument());
  for (const option of selectionOptions()) run.addOption(option);
  run
    .addOption(
      new Option('-j, --parallel <n>', 'jobs at once (default: the number of processors)').argParser(
        wholeNumber(1, 1000),
      ),
    )
    .option('--pull', 'ask the registry for newer images')
    .addOption(
      new Option('--from <folder...>', 'run folders of needed jobs that ran elsewhere').default([], 'none'),
    )
    .addOption(
      new Option('--allow <what...>', 'allow what a pipeline may not do by itself')
        .choices(['privileged'])
        .default([], 'nothing'),
    )
    .option(
      '--engine <address>',
      'the container engine: unix:///…, tcp://… or ssh://… (default: DOCKER_HOST, else the one found)',
    )
    .option('--ca-file <file>', "certificates that the steps' tools trust beside the public ones")
    .option('--result <file>', 'write the result there too')
    .option('--json', 'print the events as JSON lines, nothing else')
    .addOption(
      new Option(
        '--exit-code-allowed-failure <n>',
        'exit with this instead of 0 when only allowed failures happened',
      ).argParser(wholeNumber(0, 255)),
    )
    .addHelpText('after', exitCodes)
    .action(async (jobs: string[], options: RunCommandOptions) =>
      finish(await (await import('./run.ts')).runCommand(jobs, options)),
    );

  const plan = add('plan', 'show what a run would do; starts nothing').addArgument(jobsArgument());
  for (const option of selectionOptions()) plan.addOption(option);
  plan
    .option('--json', 'print the plan as JSON')
    .action(async (jobs: string[], options: PlanOptions) =>
      finish(await (await import('./plan.ts')).planCommand(jobs, options)),
    );

  add('check', 'find every problem of a pipeline file')
    .addArgument(new Argument('[file]', 'the pipeline file'))
    .addOption(fileOption())
    .option('--json', 'print the problems as JSON')
    .action(async (file: string | undefined, options: CheckOptions) =>
      finish((await import('./check.ts')).checkCommand(file, options)),
    );

  add('merge', 'unite the run folders of jobs that ran apart into one run with one result')
    .argument('<folders...>', 'run folders')
    .addOption(
      new Option(
        '--job <job...>',
        'the jobs that make up the whole (default: every job of the file)',
      ).default([], 'all'),
    )
    .option('--result <file>', 'write the result there too')
    .option('--json', 'print the result as JSON')
    .action(async (folders: string[], options: MergeOptions) =>
      finish(await (await import('./merge.ts')).mergeCommand(folders, options)),
    );

  add('schema', 'print the JSON Schema of the pipeline file, for editors').action(async () =>
    finish(await (await import('./schema.ts')).schemaCommand()),
  );
  return program;
}

const exitCodes = `
Exit codes:
  0    success
  1    the pipeline failed
  2    bad input or usage
  3    the environment failed (no engine, image not found, disk full)
  130  interrupted (SIGINT)    143  terminated (SIGTERM)

The first Ctrl-C ends the run in good order: the steps get SIGTERM and some time, then 'finally' runs.
The second stops at once.`;

/** Never throws; a bug is printed with its stack and gives 70. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  try {
    await createProgram((finished) => (code = finished)).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`lockstep: this is a bug, please report it:\n${text}\n`);
    return 70;
  }
  return code;
}
