// The platforms that `lockstep generate` can spread a plan over.
import type { Generator } from '../src/contract/generator.ts';
import { githubGenerator } from './github/generator.ts';
import { gitlabGenerator } from './gitlab/generator.ts';

export type { Generator, GeneratorOption, GeneratorWords } from '../src/contract/generator.ts';

export const generators: readonly Generator[] = [githubGenerator, gitlabGenerator];
