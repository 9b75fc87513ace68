// What GitHub's cache client gave and printed → hit, miss or outage. It gives the same for a miss as for an outage, and for an
// entry that exists as for a service that refuses: only its words tell them apart (@actions/cache 6.3, lib/cache.js).
import type { CacheAnswer, CacheReceipt } from '../../src/contract/cache-store.ts';
import type { SdkOutcome } from './sdk-calls.ts';

/** `found`: it had something to download. A hit's key is the service's. */
export function readAnswer(
  outcome: SdkOutcome,
  { name, found }: { readonly name: string; readonly found: boolean },
): CacheAnswer {
  if (outcome.kind !== 'returned') return outage(name, outcome);
  const { value, words } = outcome;
  if (typeof value === 'string') return { kind: 'hit', key: value };
  const failure = said(words, /^::(?:warning|error)::Failed to restore: ?([^]*)/);
  if (failure === null || failure.includes('cache read denied:')) return { kind: 'miss' };
  if (found && !unreachable.test(failure))
    return {
      kind: 'miss',
      damaged: `an entry of ${name} cannot be used: ${failure || 'it cannot be downloaded'}`,
    };
  return { kind: 'outage', message: `${name} does not work: ${failure}` };
}

export function readReceipt(outcome: SdkOutcome, name: string): CacheReceipt {
  if (outcome.kind !== 'returned') return outage(name, outcome);
  const { value, words } = outcome;
  const warning = said(words, /^::(?:warning|error)::(?:Failed to save: ?)?([^]*)/);
  // The older service's client gives an id for what it then could not upload.
  if (typeof value === 'number' && value >= 0 && warning === null) return { kind: 'stored' };
  if (words.some((word) => word.startsWith('Cache save skipped:')))
    return { kind: 'declined', because: 'the cache-mode of this job permits no writes' };
  const denied = said(words, /^::warning::[^]*cache write denied: *([^]*)/);
  if (denied !== null) return { kind: 'declined', because: denied };
  const refused =
    said(words, /^::debug::Failed to reserve cache: Error: ([^]*)/) ??
    said(words, /^Failed to save: Unable to reserve cache [^]*More details: ([^]*)/) ??
    warning;
  if (refused !== null && /\(409\)|already|^Response was not ok$/.test(refused)) return { kind: 'exists' };
  const limit = said(
    words,
    /^::warning::(?:Cache reservation failed|Failed to save): ([^]*\b(?:limit|quota)\b[^]*)/,
  );
  if (limit !== null) return { kind: 'declined', because: limit };
  return { kind: 'outage', message: `${name} does not work: ${refused ?? 'it gives no reason'}` };
}

/** Said of a place that is away, not of an entry that is cut. */
const unreachable =
  /^downloadCache failed|\b5\d\d\b|\b429\b|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|exceeded the timeout/;

/** Part 1 of the first that matches, in one line. */
function said(words: readonly string[], pattern: RegExp): string | null {
  for (const word of words) {
    const [, part] = pattern.exec(word) ?? [];
    if (part !== undefined) return unescape(part).split(/\r?\n/, 1)[0] ?? '';
  }
  return null;
}

/** As a workflow command escapes its message. */
const unescape = (text: string): string =>
  text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%');

function outage(name: string, outcome: Exclude<SdkOutcome, { kind: 'returned' }>) {
  const message = outcome.kind === 'threw' ? `${name} does not work: ${outcome.message}` : outcome.message;
  return { kind: 'outage', message } as const;
}
