// A step spec → what the step finds in its container when its shell starts.
import type { StepSpec } from '../../src/contract/sandbox.ts';
import { type Outcome, ok } from '../../src/model/failure.ts';
import type { JobContainer } from './job-container.ts';
import { noSuchUser, notStartable, parseIds, unwritable } from './step-refusals.ts';
import { beginRequest, idsRequest } from './step-script.ts';
import { grantRequest } from './step-secrets.ts';

/**
 * The step's script, empty files for what it may leave, and its secrets. `accountsChanged`: the job's user may have other ids
 * than at the start. Failures: `step-not-startable`, or why the container is dead.
 */
export async function layOut(
  container: JobContainer,
  step: StepSpec,
  accountsChanged: boolean,
): Promise<Outcome<void>> {
  const { control } = container.opened;
  const dead = async (): Promise<Outcome<void>> => ({
    ok: false,
    failure: await container.whyDead('between-steps'),
  });
  let { owner } = container.opened;
  const user = step.user ?? (accountsChanged ? container.opened.user : null);
  if (user !== null) {
    const answer = await control.ask(() => idsRequest(user));
    if (answer === null) return dead();
    const ids = parseIds(answer);
    if (ids === null) return { ok: false, failure: noSuchUser(user) };
    owner = ids;
  }
  const answer = await control.ask(() => beginRequest(owner, step.script));
  if (answer === null) return dead();
  if (!answer.has('ready')) return { ok: false, failure: unwritable() };
  const { secretFiles } = step;
  if (Object.keys(secretFiles).length === 0) return ok(undefined);
  const granted = await control.ask(() => grantRequest(owner, secretFiles));
  if (granted === null) return dead();
  if (granted.has('granted')) return ok(undefined);
  return { ok: false, failure: notStartable('its secrets could not be written into the container') };
}
