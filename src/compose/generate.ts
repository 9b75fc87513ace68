// A pipeline file → the text of a platform's configuration that fans it out, and whether the one on disk says the same.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FanOut } from '../contract/generator.ts';
import type { Environment } from '../contract/provider.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { fail, ok, type Failure, type Outcome } from '../model/failure.ts';
import { checkPipeline, type PipelineFile } from './pipeline-file.ts';
import { preparePlan } from './plan.ts';

export type GenerateWords = Omit<FanOut, 'plan' | 'unforeseen'>;

export interface Generated {
  /** Null when a diagnostic is an error. */
  readonly text: string | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
}

/** The same text on every machine and every branch. Failures: of the provider's facts, and those of `render`. */
export async function generateFanOut(
  file: PipelineFile,
  words: GenerateWords,
  environment: Environment,
  render: (fanOut: FanOut) => Promise<Outcome<string>>,
): Promise<Outcome<Generated>> {
  const selection = { ...words, matrix: {}, withNeeds: true, overrides: {} };
  const planned = await preparePlan(file, selection, environment, 'generate');
  if (!planned.ok) return planned;
  const { plan, diagnostics, sources } = planned.value;
  if (plan === null) return ok({ text: null, diagnostics, sources });
  const { pipeline } = await checkPipeline(file, environment);
  const matrices = Object.entries(pipeline?.pipeline.jobs ?? {}).map(
    ([name, { matrix }]) => [name, JSON.stringify(matrix ?? null)] as const,
  );
  const unforeseen = new Set(matrices.flatMap(([name, text]) => (readsFacts.test(text) ? [name] : [])));
  const text = await render({ ...words, plan, unforeseen });
  return text.ok ? ok({ text: text.value, diagnostics, sources }) : text;
}

/** In an expression. A text that only looks like it costs machines, not results. */
const readsFacts = /\$\{\{[^]*\b(?:git|event)\b/;

/** Null when the file is this text, else the first difference, for people. Failure (`environment`): `workflow-file`. */
export function findDifference(path: string, text: string): Outcome<string | null> {
  let found: string;
  try {
    found = readFileSync(path, 'utf8');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT') return ok('it is not there');
    return fail('environment', 'workflow-file', `cannot read ${path}`, { cause: error.message });
  }
  // Git may have given the lines other ends.
  const [has, wanted] = [found.replaceAll('\r\n', '\n'), text].map((all) => all.split('\n'));
  const at = (wanted ?? []).findIndex((line, index) => line !== has?.[index]);
  if (at < 0)
    return ok(has?.length === wanted?.length ? null : `line ${(wanted?.length ?? 0) + 1} is too many`);
  const [is, be] = [has?.[at]?.trim(), wanted?.[at]?.trim()];
  let same = 0;
  while (is?.[same] !== undefined && is[same] === be?.[same]) same += 1;
  return ok(`line ${at + 1} is ${shown(is, same)}, and would be ${shown(be, same)}`);
}

/** From shortly before `at`, where the other one differs. */
function shown(line: string | undefined, at: number): string {
  if (line === undefined) return 'not there';
  const from = at < 80 ? 0 : at - 20;
  return JSON.stringify((from > 0 ? '…' : '') + line.slice(from, from + 100));
}

/** Null when it is there. */
export function writeFanOut(path: string, text: string): Failure | null {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return null;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return fail('environment', 'workflow-file', `cannot write ${path}`, { cause: error.message }).failure;
  }
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error;
