// All that a run may not show → what takes it out of everything the run writes.
import type { Redactor, SecretValue } from '../contract/redactor.ts';
import type { Plan } from '../model/plan.ts';
import type { Credential } from '../model/url-credentials.ts';

const nothing = new Uint8Array();

/** Nothing is to be hidden: bytes and texts pass as they are. */
export const hidesNothing: Redactor = {
  warnings: [],
  stream: () => ({ push: (chunk) => chunk, end: () => nothing }),
  text: (text) => text,
  guard: () => null,
};

/** `values`: of the plan's secrets, by name. `credentials`: a job may publish what holds one, as it might without us. */
export async function createRedaction(
  { secrets }: Pick<Plan, 'secrets'>,
  values: ReadonlyMap<string, Uint8Array>,
  credentials: readonly Credential[],
): Promise<Redactor> {
  const hidden: SecretValue[] = [
    ...[...values].map(([name, value]) => ({ name, value, guard: secrets[name]?.guard ?? true })),
    ...credentials.map(({ name, value }) => ({ name, value: Buffer.from(value), guard: false })),
  ];
  if (hidden.length === 0) return hidesNothing;
  return (await import('../report/redact/redactor.ts')).createRedactor(hidden);
}
