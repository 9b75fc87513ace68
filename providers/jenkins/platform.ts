// The environment of a build → whether it is Jenkins'.
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';

/**
 * A Jenkins that nobody told its own address has no JENKINS_URL; each has a BUILD_TAG.
 * https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
 */
export const isJenkins = (environment: Environment): boolean =>
  variable(environment, 'JENKINS_URL') !== '' || variable(environment, 'BUILD_TAG').startsWith('jenkins-');
