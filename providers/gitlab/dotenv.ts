// A result → the variables that later jobs get, as a dotenv report, within what GitLab takes of one.
// https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
// https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/ci/parse_dotenv_artifact_service.rb
import type { Environment } from '../../src/contract/provider.ts';
import { fail, type Failure } from '../../src/model/failure.ts';
import type { RunResult } from '../../src/model/result.ts';
import { variable } from '../shared/variable.ts';

/** Bytes; a file must be smaller. `dotenv_size` of every plan. */
const fileBytes = 5 * 1024;
/** `dotenv_variables` of the free plan there, and what an instance of one's own begins with. A job is not told its plan. */
const variables = { 'gitlab.com': 50, other: 150 };
/** Characters of a name. */
const longestName = 255;
/** GitLab's own, which later jobs would lose, and ours, which say what we do. */
const reserved = /^(?:CI|GITLAB|LOCKSTEP)_/;

export interface Dotenv {
  readonly text: string;
  /** Kind `environment`: why the outputs are not in it. */
  readonly failure: Failure | null;
}

/**
 * `LOCKSTEP_STATUS`, `LOCKSTEP_DIGEST` and the outputs as `JOB_OUTPUT`; all of those or none. `LOCKSTEP_GITLAB_DOTENV`: `false`
 * leaves them out, a number is how many variables the plan takes. Failures: `outputs-unfit`, `outputs-too-large`.
 */
export function renderDotenv(environment: Environment, { status, jobs }: RunResult, digest: string): Dotenv {
  const own = [line('LOCKSTEP_STATUS', status), line('LOCKSTEP_DIGEST', digest)];
  const wanted = variable(environment, 'LOCKSTEP_GITLAB_DOTENV').trim().toLowerCase();
  if (wanted === 'false') return { text: own.join(''), failure: null };
  const outputs = Object.entries(jobs).flatMap(([job, result]) =>
    Object.entries(result.outputs).map(([output, value]) => ({
      ...{ name: variableName(job, output), value, of: `${job}.${output}` },
    })),
  );
  const host = variable(environment, 'CI_SERVER_HOST') === 'gitlab.com' ? 'gitlab.com' : 'other';
  const most = /^\d+$/.test(wanted) ? Number(wanted) : variables[host];
  const text = [...own, ...outputs.map(({ name, value }) => line(name, value))].join('');
  const failure = findUnfit(outputs) ?? findExcess(text, own.length + outputs.length, most);
  return failure === null ? { text, failure } : { text: own.join(''), failure };
}

/** `TEST_NODE_22_VERSION` of `test[node=22]` and `version`. */
const variableName = (job: string, output: string): string =>
  [job, output]
    .map((name) => name.replace(/[^A-Za-z0-9_]+/g, '_').replace(/_$/, ''))
    .join('_')
    .toUpperCase();

/** A dollar sign begins the name of a variable there; two of them are one. */
const line = (name: string, value: string): string => `${name}=${value.replaceAll('$', '$$$$')}\n`;

interface Output {
  readonly name: string;
  readonly value: string;
  /** For people. */
  readonly of: string;
}

const leaveOut = 'set `dotenv: false` (LOCKSTEP_GITLAB_DOTENV=false) to leave the outputs out';

function findUnfit(outputs: readonly Output[]): Failure | null {
  const unfit = (message: string, hint: string): Failure =>
    fail('environment', 'outputs-unfit', message, { hint }).failure;
  const known = new Map<string, string>();
  for (const { name, value, of } of outputs) {
    const other = known.get(name);
    known.set(name, of);
    if (other !== undefined)
      return unfit(
        `the outputs ${other} and ${of} would be one variable of GitLab's, ${name}`,
        `rename one of them, or ${leaveOut}`,
      );
    if (reserved.test(name) || name.length > longestName)
      return unfit(
        `the output ${of} would be GitLab's variable ${name}, which ${name.length > longestName ? `has more than ${longestName} characters` : 'is not for outputs'}`,
        `rename the job or the output, or ${leaveOut}`,
      );
    // Line breaks, what no variable can hold, and the spaces at both ends that GitLab takes away.
    if (/[\p{Cc}\p{Cs}]/u.test(value.replaceAll('\t', '')) || /^\s|\s$/.test(value))
      return unfit(
        `the output ${of} is no single line of text without spaces around it, and a variable of GitLab's must be one`,
        `change what the step writes, or ${leaveOut}`,
      );
  }
  return null;
}

function findExcess(text: string, count: number, most: number): Failure | null {
  const bytes = Buffer.byteLength(text);
  const over = [
    ...(bytes < fileBytes ? [] : [`they take ${bytes} bytes, and less than ${fileBytes} are allowed`]),
    ...(count <= most ? [] : [`they are ${count} variables, and ${most} are allowed`]),
  ];
  if (over.length === 0) return null;
  const hint =
    count <= most
      ? leaveOut
      : `${leaveOut}; if your plan takes more, LOCKSTEP_GITLAB_DOTENV=${count} or another number says so`;
  return fail(
    'environment',
    'outputs-too-large',
    `the outputs do not fit into GitLab's dotenv report: ${over.join('; ')}`,
    { hint },
  ).failure;
}
