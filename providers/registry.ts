// The platforms in the order they are asked: an explicit name first, then the first that recognises its environment.
import type { Environment, Provider } from '../src/contract/provider.ts';
import { githubProvider } from './github/provider.ts';
import { gitlabProvider } from './gitlab/provider.ts';
import { jenkinsProvider } from './jenkins/provider.ts';
import { localProvider } from './local/provider.ts';

/** Local comes last: it recognises everything. */
export const providers: readonly Provider[] = [
  githubProvider,
  gitlabProvider,
  jenkinsProvider,
  localProvider,
];

export const detectProvider = (environment: Environment): Provider =>
  providers.find((provider) => provider.detect(environment)) ?? localProvider;
