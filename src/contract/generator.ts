// Writes a configuration of a CI platform's that runs each job of a plan on a machine of its own. The comments are the specification.
import type { Outcome } from '../model/failure.ts';
import type { Plan } from '../model/plan.ts';

/** What is spread over machines, whatever the platform. */
export interface FanOut {
  readonly plan: Plan;
  /** Words that make this file again. */
  readonly command: readonly string[];
  /** Jobs that were asked for; none means all. */
  readonly jobs: readonly string[];
  /** Those of the command line. */
  readonly params: Readonly<Record<string, string>>;
  readonly allow: readonly string[];
  /** Jobs whose matrix may be another one in each run. */
  readonly unforeseen: ReadonlySet<string>;
}

/** An option of the command line that only this platform has. */
export interface GeneratorOption {
  /** `runs-on` of `--runs-on <labels>`. */
  readonly name: string;
  readonly value: string;
  readonly description: string;
  /** Words by commas, at least one. */
  readonly list?: true;
  /** What each word must look like, and how to say that. */
  readonly pattern?: readonly [RegExp, expected: string];
  /** Null: without the option nothing is said about it. */
  readonly fallback: string | null;
  /** The option must be given. */
  readonly required?: true;
}

/** By the options' names, checked; each word of a list apart. */
export type GeneratorWords = Readonly<Record<string, readonly string[]>>;

export interface Generator {
  /** The word after `generate`. */
  readonly name: string;
  /** For people: `a GitHub workflow: …`. */
  readonly makes: string;
  readonly examples: readonly string[];
  /** Where the file usually lies, relative to the source root. */
  readonly usualPath: string;
  readonly options: readonly GeneratorOption[];
  /** The same text for the same request. Failure (`usage`): `workflow-too-large`. */
  readonly render: (fanOut: FanOut, words: GeneratorWords) => Promise<Outcome<string>>;
  /** `generate NAME-keys`: what a project sets once so that its runs can tell their own from others' work. Another text each time. */
  readonly keys?: { readonly makes: string; readonly print: () => Promise<string> };
}
