// The facts of a build → what its work is kept for, and whether it may be kept.
import type { Environment, Trust } from '../../src/contract/provider.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import { variable } from '../shared/variable.ts';
import { readEvent } from './event.ts';

/**
 * Each branch, tag and change of a multibranch project has a job of its own, and a scope of its own here; of any other job, each
 * branch that it builds. They read what the target of a change and the default branch left. What Jenkins says goes before the
 * words of the command line, which whoever wrote a change may have written.
 */
export function jenkinsTrust(environment: Environment, { event, git }: CiContext): Trust {
  const change = event['pull-request'];
  const told = readEvent(environment).names;
  const ofMultibranch = variable(environment, 'BRANCH_NAME');
  const names = change ? [`PR-${String(change.number)}`] : [told?.branch, told?.tag, git.branch, git.tag];
  const own = [ofMultibranch, ...names].find((name) => name) ?? '';
  const job = variable(environment, 'JOB_NAME');
  const project = ofMultibranch === '' ? job : job.replace(/\/?[^/]*$/, '');
  const inProject = (name: string): string =>
    `${[serverOf(environment), project].filter((part) => part !== '').join('/')} ${name}`.trim();
  const others = [change?.target ?? '', git['default-branch']].filter((name) => name !== '' && name !== own);
  return {
    scope: inProject(own),
    reads: [...new Set(others)].map(inProject),
    writes: change?.fork !== true,
  };
}

/** An agent's machine may work for more than one Jenkins. */
function serverOf(environment: Environment): string {
  const url = URL.parse(variable(environment, 'JENKINS_URL'));
  return url === null ? '' : (url.host + url.pathname).replace(/\/+$/, '');
}
