// A key that has no record, and the chains of earlier runs of its job → why: what differs from the nearest of them.
import type { RecordStore } from '../src/contract/record-store.ts';
import type { Cause, Change } from '../src/model/foresight.ts';
import type { KeyChain, KeyLink } from '../src/model/record.ts';
import { treeDigest, type TreeEntry } from '../src/model/tree.ts';
import { fileLine, readFileList, type FileLine } from './file-list.ts';
import { fileChanges, partChanges } from './key-changes.ts';

export interface Unrecorded {
  /** The job, its steps as far as they are recorded, and last what is not. */
  readonly links: readonly Pick<KeyLink, 'key' | 'parts'>[];
  /** Of the last link: the step's index, or null for what comes after the steps. */
  readonly step: number | null;
  /** How many the job has. */
  readonly steps: number;
  /** Per step: the files it is the first to see. */
  readonly files: readonly (readonly TreeEntry[])[];
  /** Path → the artifact it comes from, as `dist of build`. */
  readonly from: ReadonlyMap<string, string>;
}

/** Reads nothing but the store. */
export async function explainMissing(
  store: RecordStore,
  chainOf: string,
  unrecorded: Unrecorded,
): Promise<Cause> {
  const { links, step } = unrecorded;
  const chains = await store.chains(chainOf);
  const missing = links.at(-1)?.key;
  if (chains.some((chain) => chain.links.some(({ key }) => key === missing)))
    return { why: 'record-gone', step };
  const nearest = nearestChain(chains, links);
  const changes = nearest === null ? [] : await changesSince(store, nearest, chains, unrecorded);
  return nearest === null || changes.length === 0
    ? { why: 'never-recorded', step }
    : { why: 'changed', step, at: nearest.at, changes };
}

/** The most keys in common; among equals one that came as far, then the newest. */
function nearestChain(chains: readonly KeyChain[], links: Unrecorded['links']): KeyChain | null {
  let best: KeyChain | null = null;
  let most = -1;
  for (const chain of chains) {
    const different = links.findIndex(({ key }, index) => chain.links[index]?.key !== key);
    const score = 2 * different + (chain.links.length >= links.length ? 1 : 0);
    if (score > most) [best, most] = [chain, score];
  }
  return best;
}

async function changesSince(
  store: RecordStore,
  nearest: KeyChain,
  chains: readonly KeyChain[],
  { links, steps, files, from }: Unrecorded,
): Promise<Change[]> {
  const changes = stepCountChange(nearest, links.length, steps);
  for (const [index, now] of links.entries()) {
    const before = nearest.links[index];
    if (before === undefined || before.key === now.key || before.parts.of !== now.parts.of) continue;
    const parts = partChanges(before.parts, now.parts);
    // A key stands on what the step before gave, too.
    const isFirst = links[index - 1]?.key === nearest.links[index - 1]?.key;
    if (isFirst && parts.length === 0 && before.parts.files === now.parts.files)
      changes.push({ what: ['outputs of the step before'], change: 'changed' });
    changes.push(...parts);
    if (now.parts.files === before.parts.files) continue;
    const was = await filesOf(store, before, chains);
    const is = (files[index - 1] ?? []).map(fileLine);
    changes.push(
      ...(was === null ? [{ what: ['files'], change: 'changed' } as const] : fileChanges(was, is, from)),
    );
  }
  return changes;
}

/** What is known of the nearest run's number of steps: all where it came to its end, else whether it had more. */
function stepCountChange({ links }: KeyChain, place: number, now: number): Change[] {
  const end = links.findIndex(({ parts }) => parts.of === 'end');
  const change = { what: ['steps'], change: 'changed', now } as const;
  if (end !== -1) return end - 1 === now ? [] : [{ ...change, before: end - 1 }];
  return place - 2 === now && links[place - 1]?.parts.of === 'step' ? [change] : [];
}

const noFiles = treeDigest([]);

/** A run that was answered from records kept no list, but one with the same files did. Null: none is left. */
async function filesOf(
  store: RecordStore,
  link: KeyLink,
  chains: readonly KeyChain[],
): Promise<FileLine[] | null> {
  if (link.parts.files === noFiles) return [];
  const alike = chains.flatMap(({ links }) => links.filter(({ parts }) => parts.files === link.parts.files));
  for (const { files } of [link, ...alike]) {
    const lines = files === undefined ? null : await readFileList(store, files);
    if (lines !== null) return lines;
  }
  return null;
}
