// Where the job's artifacts are seen → links beside the job's log.
// https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsannotations
import type { Environment } from '../../src/contract/provider.ts';
import { artifactUrl } from './taken-folder.ts';

/** JSON: the Markdown summary, and the result under its digest. Without links where GitLab does not say where the job is. */
export function renderAnnotations(environment: Environment, digest: string): string {
  const links = [
    ['Summary', 'summary.md'],
    [`Result ${digest}`, 'result.json'],
  ].flatMap(([label, file = '']) => {
    const url = artifactUrl(environment, 'file', file);
    return url === undefined ? [] : [{ external_link: { label, url } }];
  });
  return `${JSON.stringify({ Lockstep: links }, null, 1)}\n`;
}
