// Bytes that a source gives → the value of a secret as it can be delivered.
import { isUtf8 } from 'node:buffer';
import type { FoundSecret } from '../contract/secret-source.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import type { PlannedSecret } from '../model/plan.ts';

/** Bytes of one value, however it comes: Linux takes no variable over 128 KiB, and masking takes some 500 bytes of memory for each. */
export const valueLimit = 64 << 10;
export const tooLarge = 'larger than 64 KiB';
export const largeHint =
  'encrypt what is large, keep it as a file of the repository or an artifact, and make the key to it the secret';

/** Failure (`usage`): `secret-unreadable`. `from`: as `FoundSecret` has it. */
export function checkValue(
  name: string,
  { file }: PlannedSecret,
  value: Buffer,
  from: string,
): Outcome<Buffer> {
  const refuse = (why: string, hint?: string): ReturnType<typeof fail> =>
    fail('usage', 'secret-unreadable', `the secret ${name}, from ${from}, ${why}`, hint ? { hint } : {});
  if (value.length === 0) return refuse('is empty');
  if (value.length > valueLimit) return refuse(`is ${tooLarge}`, largeHint);
  if (file) return ok(value);
  const asFile = 'declare it with `file: true`, and read it from "$NAME_FILE"';
  if (value.includes(0)) return refuse('holds a NUL byte, which no variable can', asFile);
  return isUtf8(value) ? ok(value) : refuse('is not UTF-8, as a variable must be', asFile);
}

/** An empty value is none. */
export const textSecret = (from: string, value: string | Buffer): FoundSecret | null =>
  value.length === 0 ? null : { from, read: () => Promise.resolve(ok(Buffer.from(value))) };

/** Editors and `echo` add one. */
export function withoutLastNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

/** `text` with the values masked, in all their forms; nothing of it where one is too long to look for just for that. */
export async function withoutValues(text: string, values: readonly Uint8Array[]): Promise<string> {
  if (text === '' || values.some(({ length }) => length > valueLimit)) return '';
  const { createRedactor } = await import('../report/redact/redactor.ts');
  return createRedactor(values.map((value) => ({ name: '', value, guard: false }))).text(text);
}
