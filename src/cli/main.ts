// argv → exit code: the commands, each in a file of its own that is loaded when it is called.
import { Argument, Command, CommanderError, Option } from 'commander';
import { generators } from '../../providers/generators.ts';
import { ok, type Outcome } from '../model/failure.ts';
import type { CacheCommandOptions } from './cache.ts';
import type { CheckOptions } from './check.ts';
import { complain, complainInWords } from './complain.ts';
import type { GenerateOptions } from './generate.ts';
import type { LockCommandOptions } from './lock.ts';
import type { MergeOptions } from './merge.ts';
import { duration, fileOption, selectionOptions, wholeNumber } from './options.ts';
import { generatorOption, wordsOf } from './generator-options.ts';
import type { PlanOptions } from './plan.ts';
import type { RunCommandOptions, RunHooks } from './run.ts';
import type { SweepOptions } from './sweep.ts';

declare const LOCKSTEP_VERSION: string | undefined;
/** The bundler fills it in; from the sources it is unknown. */
const version = typeof LOCKSTEP_VERSION === 'string' ? LOCKSTEP_VERSION : '0.0.0-source';

const engineOption = () =>
  new Option('--engine <address>', 'the container engine that knows the digests of images');

const allowedFailureOption = () =>
  new Option(
    '--exit-code-allowed-failure <n>',
    'exit with this instead of 0 when only allowed failures happened',
  ).argParser(wholeNumber(0, 255));

const jobsArgument = () => new Argument('[jobs...]', 'jobs to run, with all they need (default: every job)');

function createProgram(finish: (code: number) => void, hooks: RunHooks): Command {
  const program = new Command('lockstep')
    .description('One pipeline file, the same result on a laptop, GitHub Actions, GitLab CI and Jenkins.')
    .version(version, '-V, --version')
    .helpCommand('help [command]', 'what a command does, and its options')
    .showHelpAfterError('(lockstep help shows the commands)')
    .configureOutput({
      writeErr: (text) => complain([{ text }], hooks.logs),
      outputError: (text) => complainInWords(text, hooks.logs),
    })
    .configureHelp({ sortOptions: false, showGlobalOptions: false })
    .exitOverride();
  const addTo = (parent: Command, name: string, description: string): Command => {
    const command = parent.command(name).description(description).exitOverride().allowExcessArguments(false);
    const words = parent === program ? name : `${parent.name()} ${name}`;
    return command.showHelpAfterError(`(lockstep ${words} --help shows its options)`);
  };
  const add = (name: string, description: string): Command => addTo(program, name, description);

  const run = add('run', 'run the pipeline in containers').addArgument(jobsArgument());
  for (const option of selectionOptions()) run.addOption(option);
  run
    .addOption(
      new Option('-j, --parallel <n>', 'jobs at once (default: the number of processors)').argParser(
        wholeNumber(1, 1000),
      ),
    )
    .option('--pull', 'ask the registry for newer images')
    .option('--no-reuse', 'run everything, and record it anew')
    .option('--fresh', 'like --no-reuse, with empty caches')
    .option('--cache <folder>', 'a folder that the CI platform keeps from one machine to the next')
    .addOption(
      new Option('--from <folder...>', 'run folders of needed jobs that ran elsewhere').default([], 'none'),
    )
    .option(
      '--engine <address>',
      'the container engine: unix:///…, tcp://… or ssh://… (default: DOCKER_HOST, else the one found)',
    )
    .option('--ca-file <file>', "certificates that the steps' tools trust beside the public ones")
    .option('--result <file>', 'write the result there too')
    .option('--json', 'print the events as JSON lines, nothing else')
    .option('--options-from <file>', 'a file with more of these options and jobs, one a line; - is stdin')
    .addOption(allowedFailureOption())
    .addHelpText('after', exitCodes)
    .action(async (jobs: string[], options: RunCommandOptions) =>
      finish(await (await import('./run.ts')).runCommand(jobs, options, hooks)),
    );

  const plan = add('plan', 'show what a run would do; starts nothing').addArgument(jobsArgument());
  for (const option of selectionOptions()) plan.addOption(option);
  plan
    .addOption(engineOption())
    .option('--json', 'print the plan as JSON')
    .action(async (jobs: string[], options: PlanOptions) =>
      finish(await (await import('./plan.ts')).planCommand(jobs, options)),
    );

  const explain = add('explain', 'say why jobs and steps would run or be reused; starts nothing').argument(
    '[job[.step]...]',
    'jobs or instances, or one step of theirs by its number, id or name (default: every job, in a line)',
  );
  for (const option of selectionOptions()) explain.addOption(option);
  explain
    .addOption(engineOption())
    .option('--json', 'print it as JSON')
    .action(async (words: string[], options: PlanOptions) =>
      finish(await (await import('./explain.ts')).explainCommand(words, options)),
    );

  add('check', 'find every problem of a pipeline file')
    .addArgument(new Argument('[file]', 'the pipeline file'))
    .addOption(fileOption())
    .option('--json', 'print the problems as JSON')
    .action(async (file: string | undefined, options: CheckOptions) =>
      finish(await (await import('./check.ts')).checkCommand(file, options)),
    );

  add('lock', 'pin the images of all jobs to their digests, in lockstep.lock')
    .argument('[images...]', 'which to update, or images that only a run knows')
    .addOption(
      new Option('-f, --file <file>', 'a pipeline file; may be repeated, for those that share the lock file')
        .argParser((file: string, before: readonly string[]) => [...before, file])
        .default([], 'lockstep.yml at the repository root'),
    )
    .option('--update', 'ask the registries what the images are now')
    .addOption(
      new Option('--check', 'write nothing; exit 1 when an entry is missing or unused').conflicts('update'),
    )
    .option('--engine <address>', 'the container engine that asks the registries')
    .option('--json', 'print what was done as JSON')
    .action(async (images: string[], options: LockCommandOptions) =>
      finish(await (await import('./lock.ts')).lockCommand(images, options)),
    );

  const cache = add(
    'cache',
    'what is kept on this machine for later runs: show it, or remove it',
  ).addHelpText('after', cacheHelp);
  const addToCache = (name: string, description: string): Command =>
    addTo(cache, name, description)
      .option('--engine <address>', 'the container engine that holds snapshots and cache directories')
      .option('--json', 'print it as JSON');
  addToCache('ls', 'list it, the last used first')
    .option('--blobs', 'list logs and artifacts too, not only the jobs and steps that they belong to')
    .action(async (options: CacheCommandOptions & { blobs?: boolean }) =>
      finish(await (await import('./cache.ts')).cacheLsCommand(options)),
    );
  addToCache('stats', 'how much there is of each kind, the bound, and where it lies').action(
    async (options: CacheCommandOptions) =>
      finish(await (await import('./cache.ts')).cacheStatsCommand(options)),
  );
  addToCache('prune', 'remove what nobody used for long, and what nothing belongs to any more')
    .addOption(
      new Option('--unused-for <duration>', 'how long: 12h, 30d')
        .argParser(duration)
        .default(30 * 24 * 3600_000, '30d'),
    )
    .action(async (options: CacheCommandOptions & { unusedFor: number }) =>
      finish(await (await import('./cache.ts')).cachePruneCommand(options)),
    );
  addToCache('clear', 'remove all of it, but what is in use; asks first')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .action(async (options: CacheCommandOptions & { yes?: boolean }) =>
      finish(await (await import('./cache.ts')).cacheClearCommand(options)),
    );

  add('sweep', 'remove what runs that died left in the container engine')
    .option('--engine <address>', 'the container engine')
    .option(
      '--ended',
      'also what is left of the runs of this checkout: none of them goes on, even in another container',
    )
    .action(async (options: SweepOptions) =>
      finish(await (await import('./sweep.ts')).sweepCommand(options)),
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
    .addOption(allowedFailureOption())
    .action(async (folders: string[], options: MergeOptions) =>
      finish(await (await import('./merge.ts')).mergeCommand(folders, options, hooks)),
    );

  const generate = add(
    'generate',
    'write a CI configuration that runs each job on a machine of its own',
  ).addHelpText(
    'after',
    `\n${generators.flatMap(({ examples }) => examples.map((line) => `  ${line}`)).join('\n')}`,
  );
  for (const generator of generators) {
    const { name, makes, keys } = generator;
    const command = addTo(generate, name, makes).addArgument(jobsArgument());
    for (const option of generator.options) command.addOption(generatorOption(option));
    for (const option of selectionOptions().filter(({ long }) =>
      ['--file', '--param', '--allow'].includes(long ?? ''),
    ))
      command.addOption(option);
    command
      .option('--output <file>', `write it there, or to stdout with - (default: ${generator.usualPath})`)
      .option('--check', 'write nothing; exit 1 when the file is not what would be written')
      .action(async (jobs: string[], options: GenerateOptions) => {
        const { generateCommand } = await import('./generate.ts');
        finish(await generateCommand(generator, jobs, options, wordsOf(generator, command.opts())));
      });
    if (keys !== undefined)
      addTo(generate, `${name}-keys`, keys.makes).action(async () => {
        process.stdout.write(await keys.print());
        finish(0);
      });
  }

  add('schema', 'print the JSON Schema of the pipeline file, for editors').action(async () =>
    finish(await (await import('./schema.ts')).schemaCommand()),
  );
  return program;
}

const cacheHelp = `
Records of jobs and steps, with their logs and artifacts, lie in $XDG_CACHE_HOME/lockstep or ~/.cache/lockstep, bounded
by LOCKSTEP_CACHE_SIZE (10GiB). Snapshots and cache directories lie in the container engine. Runs may go on meanwhile.

  lockstep cache ls --blobs
  lockstep cache prune --unused-for 7d
  lockstep cache clear --yes`;

const exitCodes = `
Exit codes:
  0    success
  1    the pipeline failed
  2    bad input or usage
  3    the environment failed (no engine, image not found, disk full)
  130  interrupted (SIGINT)    143  terminated (SIGTERM)

The first Ctrl-C ends the run in good order: the steps get SIGTERM and some time, then 'finally' runs.
The second stops at once.`;

const asksForOptions = (argv: readonly string[]): boolean =>
  argv.some((word) => /^--options-from(=|$)/.test(word));
const optionsFilledIn = async (argv: readonly string[]): Promise<Outcome<readonly string[]>> =>
  (await import('./options-from.ts')).fillIn(argv, process.env);

/** Never throws; a bug is printed with its stack and gives 70. */
export async function main(argv: readonly string[], hooks: RunHooks = {}): Promise<number> {
  let code = 0;
  try {
    const words = asksForOptions(argv) ? await optionsFilledIn(argv) : ok(argv);
    if (!words.ok) return (await import('./show.ts')).showFailure(words.failure, hooks.logs);
    await createProgram((finished) => (code = finished), hooks).parseAsync([...words.value], {
      from: 'user',
    });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    complainInWords(`lockstep: this is a bug, please report it:\n${text}\n`, hooks.logs);
    return 70;
  }
  return code;
}
