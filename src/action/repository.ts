// Where a workflow runs the pipeline → where that lies in the repository, as problems name their files.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { findRoot } from '../../engine/source-root.ts';

/**
 * '' at the top. A checkout that git made says where its top is; one without git (actions/checkout makes such where there is
 * no git) fills the workspace. `file`: the pipeline file, absolute, whether it is there or not.
 */
export function folderInRepository(file: string, workspace: string | undefined): string {
  if (!workspace || !existsSync(dirname(file))) return '';
  const root = findRoot(dirname(file));
  if (existsSync(join(root, '.git'))) return '';
  const folder = relative(realpathSync(workspace), root);
  return folder.startsWith('..') ? '' : folder;
}
