// Why a job or step would run, and what changed → the words of `plan` and `explain`.
import type { Cause, Change, JobForesight, StepForesight } from '../model/foresight.ts';
import type { JsonValue } from '../model/json.ts';
import { formatBytes, formatCount } from './quantity.ts';
import { visible } from './visible.ts';

/** In a few words, safe to print: `file src/a.ts changed and 2 more`. */
export function causeWords(cause: Cause): string {
  switch (cause.why) {
    case 'changed':
      return changedWords(cause.changes);
    case 'never-recorded':
      return 'it was never recorded';
    case 'record-gone':
      return 'its record is gone';
    case 'no-value':
      return 'an expression of it has no value';
    case 'reuse-off':
      return 'reuse: false';
    case 'follows':
      return `step ${cause.step + 1} runs`;
    case 'no-snapshot':
      return 'there is no snapshot after it';
    case 'needs':
      return `it takes from ${cause.jobs.map(visible).join(', ')}, which must run first`;
    case 'image-unknown':
      return `its image's digest is not known: ${visible(cause.message)}`;
    case 'condition':
    case 'needs-not-met':
    case 'secret-withheld':
    case 'failure':
      return visible(cause.message);
  }
}

function changedWords(changes: readonly Change[]): string {
  const [first] = changes;
  if (first === undefined) return 'changed';
  const rest = changes.length - 1;
  const files = changes.filter(({ what }) => what[0] === 'file').length;
  if (rest > 0 && files === changes.length) return `${formatCount(files, 'file')} changed`;
  return rest === 0 ? subjectWords(first) : `${subjectWords(first)} and ${rest} more`;
}

const subjectWords = ({ what, change }: Change): string => `${what.map(visible).join(' ')} ${change}`;

/** One line: `file a.sh (dist of build) changed: sha256:0123… → sha256:4567…, mode 100644 → 100755`. */
export function changeWords(change: Change): string {
  const from = change.from === undefined ? '' : ` (${visible(change.from)})`;
  const subject = `${change.what.map(visible).join(' ')}${from} ${change.change}`;
  const detail = change.what[0] === 'file' ? fileWords(change) : valueWords(change);
  return detail === '' ? subject : `${subject}: ${detail}`;
}

function valueWords({ what, before, now }: Change): string {
  const told = (value: JsonValue): string =>
    typeof value === 'number' && (what.at(-1) === 'memory' || what.at(-1) === 'shm')
      ? formatBytes(value)
      : plainWords(value);
  if (before === undefined || now === undefined)
    return [before, now].flatMap((one) => (one === undefined ? [] : told(one))).join('');
  return `${told(before)} → ${told(now)}`;
}

const plainWords = (value: JsonValue): string => {
  if (value === null) return 'none';
  return typeof value === 'string' ? shortDigest(visible(value)) : visible(JSON.stringify(value));
};

const isState = (value: JsonValue | undefined): value is { readonly mode: string; readonly digest: string } =>
  typeof value === 'object' && value !== null && 'mode' in value && 'digest' in value;

function fileWords({ before, now }: Change): string {
  if (!isState(before) || !isState(now)) {
    const only = isState(now) ? now : isState(before) ? before : null;
    return only === null ? '' : shortDigest(only.digest);
  }
  return [
    ...(before.digest === now.digest ? [] : [`${shortDigest(before.digest)} → ${shortDigest(now.digest)}`]),
    ...(before.mode === now.mode ? [] : [`mode ${before.mode} → ${now.mode}`]),
  ].join(', ');
}

/** Twelve digits tell two contents apart; `--json` has all. */
const shortDigest = (text: string): string => text.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1');

/** `reuse`, `run`, `skip`, `decided during the run`. */
export const fateWord = (fate: StepForesight['fate']): string =>
  fate === 'open' ? 'decided during the run' : fate;

/** `, if lint succeeds`; nothing where nothing must come first. */
export const providedWords = ({ provided }: JobForesight): string =>
  provided.length === 0
    ? ''
    : `, if ${provided.map(visible).join(' and ')} ${provided.length === 1 ? 'succeeds' : 'succeed'}`;
