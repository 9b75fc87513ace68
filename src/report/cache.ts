// What is kept for later runs, and what was removed of it → text or JSON for people who ask `lockstep cache`.
import { join } from 'node:path';
import type {
  CacheAmount,
  CacheContents,
  CacheEntry,
  CacheKind,
  CacheRemoval,
  CacheUser,
  RemovedKind,
} from '../model/cache-contents.ts';
import { formatAge, formatBytes, formatShare } from './quantity.ts';
import { type Column, renderTable } from './table.ts';
import { visible } from './visible.ts';

const columns: readonly Column[] = [
  { title: 'kind' },
  { title: 'size', align: 'right' },
  { title: 'last use', align: 'right' },
  { title: 'belongs to' },
  { title: 'in' },
  { title: 'scope' },
  { title: 'id' },
];

/** Only a machine of a CI platform has scopes of trust. */
const columnsFor = (entries: readonly CacheEntry[]): readonly Column[] =>
  entries.some(({ scope }) => scope !== undefined)
    ? columns
    : columns.filter(({ title }) => title !== 'scope');

/** `blobs`: each in a row of its own; else they count with the job or step that they belong to. */
export function renderContents(
  { folder, entries }: CacheContents,
  { blobs, now }: { readonly blobs: boolean; readonly now: number },
): string {
  if (entries.length === 0) return `nothing is kept in ${visible(folder)}\n`;
  const shown = columnsFor(entries);
  const cells = (blobs ? entries.map(rowOf) : foldedRows(entries)).map((row) => [
    row.kind,
    row.bytes === null ? '?' : formatBytes(row.bytes),
    formatAge(now - row.usedAt),
    row.what,
    row.where,
    ...(shown === columns ? [row.scope] : []),
    row.id,
  ]);
  const total = `${formatBytes(bytesOf(entries))} in all; the cache folder is ${visible(folder)}`;
  return lines([...renderTable(shown, cells), '', total]);
}

interface Row {
  readonly kind: string;
  readonly bytes: number | null;
  readonly usedAt: number;
  readonly what: string;
  readonly where: string;
  readonly scope: string;
  readonly id: string;
}

function rowOf({ kind, bytes, usedAt, belongsTo, scope, id, state }: CacheEntry): Row {
  const [user] = belongsTo;
  const others = new Set(belongsTo.map((one) => whatOf(one) + whereOf(one))).size - 1;
  const words = [
    user === undefined ? (state ?? '-') : whatOf(user),
    ...(others > 0 ? [`and ${others} more`] : []),
    ...(user !== undefined && state !== undefined ? [`(${state})`] : []),
  ];
  const where = user === undefined ? '-' : whereOf(user);
  return {
    ...{ kind, bytes, usedAt, what: words.join(' '), where },
    ...{ scope: visible(scope ?? '-'), id: shortId(id) },
  };
}

function whatOf({ job, step, cache }: CacheUser): string {
  if (cache !== undefined) return visible(cache);
  if (job === undefined) return 'source files';
  return visible(job) + (step === undefined ? '' : ` step ${step}`);
}

const whereOf = ({ root, file = '' }: CacheUser): string => visible(join(root, file));

const shortId = (id: string): string =>
  visible(id)
    .replace(/^(sha256:|lockstep-cache-)/, '')
    .slice(0, 12);

/** Blobs go to the last used of their records; those of none are what `lockstep explain` reads, a row a job. */
function foldedRows(entries: readonly CacheEntry[]): Row[] {
  const rows = new Map<string, Row>();
  const isFolded = ({ kind }: CacheEntry): boolean => kind === 'blob' || kind === 'parsed file';
  // Two scopes may have the same.
  const place = (id: string, { scope = '' }: CacheEntry): string => `${scope} ${id}`;
  for (const entry of entries.filter((one) => !isFolded(one))) rows.set(place(entry.id, entry), rowOf(entry));
  for (const entry of entries.filter(isFolded)) {
    const kind = entry.kind === 'blob' ? 'file lists' : 'parsed files';
    const owner = entry.records?.find((key) => rows.has(place(key, entry)));
    const { what, where, scope } = rowOf(entry);
    const id = place(owner ?? `${kind} ${what} ${where}`, entry);
    const row = rows.get(id) ?? { kind, bytes: 0, usedAt: 0, what, where, scope, id: '-' };
    rows.set(id, {
      ...row,
      bytes: (row.bytes ?? 0) + (entry.bytes ?? 0),
      usedAt: Math.max(row.usedAt, entry.usedAt),
    });
  }
  return [...rows.values()].sort((a, b) => b.usedAt - a.usedAt);
}

const kinds: readonly CacheKind[] = [
  'job',
  'step',
  'blob',
  'snapshot',
  'cache directory',
  'source index',
  'parsed file',
];

interface Stats {
  readonly kinds: readonly (CacheAmount & { readonly kind: CacheKind })[];
  /** Of what the bound is for. */
  readonly bounded: number;
}

function statsOf(entries: readonly CacheEntry[]): Stats {
  const amounts = kinds.map((kind) => {
    const some = entries.filter((entry) => entry.kind === kind);
    return { kind, count: some.length, bytes: bytesOf(some) };
  });
  const bounded = entries.filter(
    ({ kind, state }) => ['job', 'step', 'blob', 'snapshot'].includes(kind) && state !== 'orphaned',
  );
  return { kinds: amounts, bounded: bytesOf(bounded) };
}

export function renderStats({ folder, engine, maxBytes, entries }: CacheContents): string {
  const { kinds: amounts, bounded } = statsOf(entries);
  const table = renderTable(
    [{ title: 'kind' }, { title: 'count', align: 'right' }, { title: 'size', align: 'right' }],
    amounts.map(({ kind, count, bytes }) => [kind, String(count), formatBytes(bytes)]),
  );
  const free = Math.max(0, maxBytes - bounded);
  const scopes = scopesOf(entries);
  return lines([
    ...table,
    ...(scopes.length > 0 ? ['', ...renderScopes(scopes)] : []),
    '',
    `bound   ${formatBytes(maxBytes)} for jobs, steps, blobs and snapshots; ${formatShare(free, maxBytes)} of it free`,
    `folder  ${visible(folder)}`,
    ...(engine !== null && 'name' in engine ? [`engine  ${visible(engine.name)}`] : []),
  ]);
}

/** The largest first. */
const scopesOf = (entries: readonly CacheEntry[]): (CacheAmount & { readonly scope: string })[] =>
  [...Map.groupBy(entries, ({ scope }) => scope)]
    .flatMap(([scope, own]) =>
      scope === undefined ? [] : [{ scope, count: own.length, bytes: bytesOf(own) }],
    )
    .sort((a, b) => b.bytes - a.bytes);

const renderScopes = (scopes: ReturnType<typeof scopesOf>): string[] =>
  renderTable(
    [{ title: 'scope' }, { title: 'count', align: 'right' }, { title: 'size', align: 'right' }],
    scopes.map(({ scope, count, bytes }) => [visible(scope), String(count), formatBytes(bytes)]),
  );

export const statsJson = (contents: CacheContents): string => {
  const { kinds: amounts, bounded } = statsOf(contents.entries);
  return json({
    folder: contents.folder,
    engine: contents.engine,
    'max-bytes': contents.maxBytes,
    'bounded-bytes': bounded,
    kinds: Object.fromEntries(amounts.map(({ kind, count, bytes }) => [kind, { count, bytes }])),
    scopes: scopesOf(contents.entries),
  });
};

export const contentsJson = ({ folder, engine, entries }: CacheContents): string =>
  json({
    folder,
    engine,
    entries: entries.map(({ usedAt, belongsTo, ...entry }) => ({
      ...entry,
      'last-use': new Date(usedAt).toISOString(),
      'belongs-to': belongsTo,
    })),
  });

const names: Readonly<Record<RemovedKind, readonly [string, string]>> = {
  records: ['record or blob', 'records and blobs'],
  snapshots: ['snapshot', 'snapshots'],
  'cache-directories': ['cache directory', 'cache directories'],
  indexes: ['index', 'indexes'],
};
const removedKinds = ['records', 'snapshots', 'cache-directories', 'indexes'] as const;

export function renderRemoval({ removed, inUse }: CacheRemoval): string {
  const parts = removedKinds
    .filter((kind) => removed[kind].count > 0)
    .map((kind) => `${removed[kind].count} ${names[kind][removed[kind].count === 1 ? 0 : 1]}`);
  return lines([
    parts.length === 0 ? 'nothing was removed' : `freed ${formatBytes(freed(removed))}: ${parts.join(', ')}`,
    ...inUse.map(({ kind, id, cache }) => {
      const users = kind === 'snapshot' ? 'a container or another snapshot' : 'a container';
      return `kept the ${kind} ${cache === undefined ? shortId(id) : visible(cache)}: ${users} uses it`;
    }),
  ]);
}

export const removalJson = ({ inUse, ...removal }: CacheRemoval): string =>
  json({ 'freed-bytes': freed(removal.removed), ...removal, 'in-use': inUse });

const freed = (removed: CacheRemoval['removed']): number =>
  removedKinds.reduce((sum, kind) => sum + removed[kind].bytes, 0);

const bytesOf = (entries: readonly CacheEntry[]): number =>
  entries.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
