// What a platform's generator takes of the command line → options of ours, and their words.
import { InvalidArgumentError, Option } from 'commander';
import type { Generator, GeneratorOption, GeneratorWords } from '../../providers/generators.ts';

/** Its value is the list of words; a list may be given in several parts. */
export function generatorOption({
  name,
  value,
  description,
  list,
  pattern,
  fallback,
  required,
}: GeneratorOption): Option {
  const usual = fallback === null ? [] : list ? fallback.split(',') : [fallback];
  const option = new Option(`--${name} ${value}`, description).argParser(
    (text: string, before: readonly string[] | undefined) => {
      const words = list ? text.split(',').map((word) => word.trim()) : [text];
      if (words.includes(''))
        throw new InvalidArgumentError(
          list ? 'Expected words with commas between them.' : 'Expected a word.',
        );
      if (pattern !== undefined && !words.every((word) => pattern[0].test(word)))
        throw new InvalidArgumentError(`Expected ${pattern[1]}.`);
      return list && before !== undefined && before !== usual ? [...before, ...words] : words;
    },
  );
  if (required) return option.makeOptionMandatory();
  return fallback === null ? option : option.default(usual, fallback);
}

export const wordsOf = (
  { options }: Generator,
  given: Readonly<Record<string, readonly string[] | undefined>>,
): GeneratorWords =>
  Object.fromEntries(
    options.flatMap((option) => {
      const words = given[generatorOption(option).attributeName()];
      return words === undefined ? [] : [[option.name, words]];
    }),
  );
