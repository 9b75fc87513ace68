// The environment of a build → what Jenkins gives it, or why not.
import type { Environment, Offers } from '../../src/contract/provider.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import { variable } from '../shared/variable.ts';
import { artifactsOffer } from './artifacts.ts';
import { jenkinsLogs } from './logs.ts';
import { jenkinsTrust } from './trust.ts';

/**
 * How long Jenkins waits for an agent to end a step: the usual `REMOTE_TIMEOUT`.
 * https://github.com/jenkinsci/workflow-durable-task-step-plugin/blob/master/CHANGELOG.md
 */
const cancelMs = 20_000;

/** No service of Jenkins' is within reach of a build: what it has, steps of the library give and take. */
export const jenkinsOffers = (environment: Environment, context: CiContext): Offers => ({
  platform: 'Jenkins',
  trust: jenkinsTrust(environment, context),
  cancelMs,
  secrets: {
    is: 'absent',
    because:
      'Jenkins gives a build nothing that it does not ask for: name `credentials` to the library, or --secret',
  },
  cache: {
    is: 'absent',
    because: 'Jenkins has no service for it: `cache` of the library, or --cache, names a folder that is kept',
  },
  artifacts: artifactsOffer(environment),
  logs: () => jenkinsLogs(isColored(environment)),
  logBytes: null,
  // Jenkins puts credentials into an environment only where a script asks for it, and masks them there.
  credentials: [],
});

/** The library says it where the AnsiColor plugin is. */
const isColored = (environment: Environment): boolean =>
  !['', '0', 'false'].includes(variable(environment, 'FORCE_COLOR')) &&
  variable(environment, 'NO_COLOR') === '';
