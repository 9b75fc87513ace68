// `Engine.registryDigest` as tests: what a registry serves, what none does, and a registry that is away.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/contract/sandbox.ts';

export interface RegistryRig extends AsyncDisposable {
  readonly engine: Engine;
  /** Of an image that a registry serves. */
  readonly served: { readonly reference: string; readonly digest: string };
  /** In a registry that answers and does not have it. */
  readonly unserved: string;
  /** In a registry that nobody runs. */
  readonly away: string;
}

const never = new AbortController().signal;

export function registryDigestContract(name: string, make: () => Promise<RegistryRig>): void {
  describe(`registryDigest: ${name}`, () => {
    let rig: RegistryRig;
    beforeAll(async () => {
      rig = await make();
    });
    afterAll(() => rig[Symbol.asyncDispose]());

    test('the digest that the registry serves, by tag and by digest', async () => {
      const { reference, digest } = rig.served;
      expect(await rig.engine.registryDigest(reference, never)).toEqual({ ok: true, value: digest });
      const pinned = `${reference.replace(/:[^:/]*$/, '')}@${digest}`;
      expect(await rig.engine.registryDigest(pinned, never)).toEqual({ ok: true, value: digest });
    });

    test('null where no registry has it', async () => {
      expect(await rig.engine.registryDigest(rig.unserved, never)).toEqual({ ok: true, value: null });
    });

    test('a registry that is away', async () => {
      expect(await rig.engine.registryDigest(rig.away, never)).toMatchObject({
        ok: false,
        failure: { kind: 'environment', code: 'registry-unreachable' },
      });
    });

    test('who is cancelled does not wait', async () => {
      const asked = rig.engine.registryDigest(rig.served.reference, AbortSignal.abort());
      expect(await asked).toMatchObject({ ok: false, failure: { code: 'cancelled' } });
    });
  });
}
