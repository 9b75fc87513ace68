// An ended run → the report that the library's step takes from the checkout.
import { writeFile } from 'node:fs/promises';
import type { EndedRunFacts, Environment } from '../../src/contract/provider.ts';
import type { Failure } from '../../src/model/failure.ts';
import { leaveAt } from '../shared/left-file.ts';
import { placeBelow } from '../shared/place-below.ts';
import { makeStateFolder } from '../shared/state-folder.ts';
import { variable } from '../shared/variable.ts';
import { renderSarif } from './sarif.ts';

/** `.lockstep/jenkins/sarif.json`, in place of that of an earlier run; paths are from the top of the workspace. */
export async function leaveForJenkins(
  environment: Environment,
  { root, problems }: EndedRunFacts,
): Promise<readonly Failure[]> {
  const folder = makeStateFolder(root, '.lockstep/jenkins');
  if (!folder.ok) return [folder.failure];
  const pathOf = (file: string): string => placeBelow(variable(environment, 'WORKSPACE'), root, file);
  const failure = await leaveAt(folder.value, 'sarif.json', 'Jenkins', (into) =>
    writeFile(into, renderSarif(problems, pathOf)),
  );
  return failure === null ? [] : [failure];
}
