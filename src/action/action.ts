// What `uses: ORG/lockstep@v1` runs: first the pipeline (`main`), at the end of the job what cleans up after it (`post`).
import { appendFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setOutput, saveState, getState } from '@actions/core';
import { main } from '../cli/main.ts';
import type { LogStyle } from '../contract/log-style.ts';
import { sweep } from '../compose/sweep.ts';
import { githubLogs } from '../../providers/github/logs.ts';
import { readInputs } from './inputs.ts';
import { outputsOf } from './outputs.ts';
import { folderInRepository } from './repository.ts';

/** Set by `main` for `post`, which the runner starts with the same file. */
const started = 'lockstep-started';
/** Set by a run that came to its end by itself, and so left nothing. */
const ended = 'lockstep-ended';

/** Bytes. GitHub shows nothing of a summary over 1 MiB; each step has one of its own. */
const longestSummary = (1 << 20) - 1024;

process.noDeprecation = true;
const code = getState(started) === '' ? await runMain() : getState(ended) === '' ? await runPost() : 0;
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));

async function runMain(): Promise<number> {
  saveState(started, 'true');
  const inputs = readInputs(process.env);
  if ('problems' in inputs) {
    const style = githubLogs();
    for (const { input, message, hint } of inputs.problems)
      complain(style, `input ${input}`, hint === undefined ? message : `${message}\n${hint}`);
    return 2;
  }
  if (!statSync(inputs.directory, { throwIfNoEntry: false })?.isDirectory()) {
    complain(githubLogs(), 'input working-directory', `there is no folder ${inputs.directory}`);
    return 2;
  }
  process.chdir(inputs.directory);
  const logs = githubLogs(folderInRepository(resolve(inputs.file), process.env.GITHUB_WORKSPACE));
  const lost = new Set<string>();
  /** In a file of the runner's. */
  const leave = (what: string, level: 'error' | 'warning', write: () => void): void => {
    try {
      write();
    } catch (error) {
      lost.add(what);
      const message = `the ${what} of this step cannot be written: ${error instanceof Error ? error.message : String(error)}`;
      process.stdout.write(
        logs.annotate({ level, title: what, message }) || logs.say(`${level}: ${message}\n`),
      );
    }
  };
  const code = await main(inputs.argv, {
    logs,
    summaryBytes: longestSummary,
    ended: (run) => {
      leave('outputs', 'error', () => {
        for (const [name, value] of Object.entries(outputsOf(run))) setOutput(name, value);
      });
      const into = process.env.GITHUB_STEP_SUMMARY;
      if (into) leave('summary', 'warning', () => appendFileSync(into, run.summary));
      if (run.result.status !== 'cancelled') leave('state', 'warning', () => saveState(ended, 'true'));
    },
  });
  return code === 0 && lost.has('outputs') ? 3 : code;
}

function complain(style: LogStyle, title: string, message: string): void {
  process.stdout.write(style.annotate({ level: 'error', title, message: `${title}: ${message}` }));
}

/** A cancelled run may have been killed in the middle: its containers go. Nothing that fails here fails the job. */
async function runPost(): Promise<number> {
  const swept = await sweep(process.env);
  if (!swept.ok) process.stdout.write(githubLogs().say(`nothing was swept: ${swept.failure.message}\n`));
  else if (swept.value > 0) process.stdout.write(`removed what was left behind: ${swept.value}\n`);
  return 0;
}
