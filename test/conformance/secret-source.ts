// What every source of secrets must do, as src/contract/secret-source.ts says it.
import { afterEach, describe, expect, test } from 'vitest';
import type { SecretSource } from '../../src/contract/secret-source.ts';

export interface SecretSourceUnderTest {
  /** A source that has these. */
  readonly open: (values: Readonly<Record<string, string>>) => SecretSource;
  /** A source that cannot tell, with `hidden` somewhere in it; absent: there is none. */
  readonly broken?: (hidden: string) => SecretSource;
  /** Values of several lines are not for it. */
  readonly oneLine?: boolean;
  readonly remove?: () => void;
}

const never = new AbortController().signal;

export function secretSourceContract(name: string, create: () => SecretSourceUnderTest): void {
  describe(`secret source: ${name}`, () => {
    let made: SecretSourceUnderTest | null = null;
    const under = (): SecretSourceUnderTest => (made ??= create());
    afterEach(() => {
      made?.remove?.();
      made = null;
    });
    const valueOf = async (source: SecretSource, name: string): Promise<string | null> => {
      const found = await source.find(name);
      if (!found.ok) throw new Error(found.failure.message);
      const value = await found.value?.read(never);
      if (value?.ok === false) throw new Error(value.failure.message);
      return value === undefined ? null : Buffer.from(value.value).toString();
    };

    test.each([
      'a',
      'a=b c',
      ' "quoted" and \'so\' ',
      '$HOME ${X} `id` \\',
      'ü \u{1f511}',
      '::add-mask::x',
      '0',
    ])('the value %j comes out as it went in, as often as it is read', async (value) => {
      const source = under().open({ TOKEN: value, OTHER: 'other' });
      const found = await source.find('TOKEN');
      if (!found.ok || found.value === null) throw new Error('not found');
      for (const time of [1, 2]) {
        const read = await found.value.read(never);
        expect(read.ok && Buffer.from(read.value).toString(), `time ${String(time)}`).toBe(value);
      }
      expect(await valueOf(source, 'OTHER')).toBe('other');
    });

    test('so do lines', async () => {
      const { open, oneLine } = under();
      const value = '-----BEGIN KEY-----\nabc\n\n-----END KEY-----';
      if (oneLine !== true) expect(await valueOf(open({ TOKEN: value }), 'TOKEN')).toBe(value);
    });

    test('what it does not have, and what is empty, is not there', async () => {
      const source = under().open({ TOKEN: 'a', EMPTY: '' });
      for (const name of ['OTHER', 'EMPTY', 'TOKE', 'constructor', '__proto__', 'toString'])
        expect(await valueOf(source, name), name).toBe(null);
    });

    test('it says where it looks and where it found, and nothing of a value', async () => {
      const source = under().open({ TOKEN: 'hidden-value' });
      const found = await source.find('TOKEN');
      const said = [source.place('OTHER'), source.place('TOKEN'), found.ok ? (found.value?.from ?? '') : ''];
      for (const text of said) expect(text).toMatch(/\S/);
      expect(said.join()).not.toContain('hidden');
    });

    test('it may be asked for many at once', async () => {
      const values = Object.fromEntries(
        Array.from({ length: 20 }, (_, at) => [`T${String(at)}`, `v${String(at)}`]),
      );
      const source = under().open(values);
      const names = Object.keys(values);
      expect(await Promise.all(names.map(async (name) => valueOf(source, name)))).toEqual(
        Object.values(values),
      );
    });

    test('what it cannot tell is a failure that holds no value', async () => {
      const source = under().broken?.('hidden-value');
      if (source === undefined) return;
      const found = await source.find('TOKEN');
      const end = found.ok && found.value !== null ? await found.value.read(never) : found;
      expect(end.ok).toBe(false);
      expect(JSON.stringify(end)).not.toContain('hidden');
    });
  });
}
