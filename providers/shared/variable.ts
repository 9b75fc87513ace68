// A variable of an environment → its text.
import type { Environment } from '../../src/contract/provider.ts';

/** Platforms set variables to '' where they have no value. No name is that of something every object has. */
export const variable = (environment: Environment, name: string): string =>
  Object.hasOwn(environment, name) ? (environment[name] ?? '') : '';
