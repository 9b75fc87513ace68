// JSON from a sealed file → whether it has the shape of a record, a chain or a snapshot.
//
// A right checksum says that the bytes are whole, not who wrote them. By hand, since loading a library for it would
// cost a run that reuses everything more than all of its reads.
import type {
  JobRecord,
  KeyChain,
  KeyLink,
  RecordedFinally,
  RecordedSnapshot,
  RecordedTree,
  StepRecord,
} from '../../src/model/record.ts';

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => Number.isFinite(value);
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);
const either =
  (...checks: Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const maybe = (check: Check): Check => either(oneOf(undefined), check);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

/** Every member of `T` has its check; members that `T` does not know may be there. */
function shape<T>(checks: { readonly [Name in keyof T]-?: Check }): (value: unknown) => value is T {
  const all = Object.entries<Check>(checks);
  return (value): value is T =>
    isObject(value) && all.every(([name, check]) => check(Reflect.get(value, name)));
}

const isDigest = matches(/^sha256:[0-9a-f]{64}$/);
/** Becomes the name of a folder. */
const isName = matches(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/);
const isLog = either(shape({ frames: isText }), shape({ blob: isDigest }));

export const isSnapshot = shape<RecordedSnapshot>({ id: isText, bytes: isNumber });

const ofEveryRecord = {
  schema: oneOf(1),
  key: isDigest,
  at: isNumber,
  durationMs: isNumber,
  outputs: (value: unknown): boolean => isObject(value) && Object.values(value).every(isText),
};
const isStepRecord = shape<StepRecord>({
  ...ofEveryRecord,
  kind: oneOf('step'),
  summary: isText,
  log: isLog,
  snapshot: maybe(isSnapshot),
  snapshotMs: maybe(isNumber),
});

const tree = { name: isName, digest: isDigest, tar: maybe(isDigest) };
const isJobRecord = shape<JobRecord>({
  ...ofEveryRecord,
  kind: oneOf('job'),
  artifacts: listOf(shape<RecordedTree>(tree)),
  reports: listOf(
    shape<JobRecord['reports'][number]>({ ...tree, kind: oneOf('junit', 'cobertura', 'lcov', 'sarif') }),
  ),
  finally: listOf(
    either(oneOf(null), shape<RecordedFinally>({ durationMs: isNumber, summary: isText, log: isLog })),
  ),
});

export const isRecord = either(isStepRecord, isJobRecord);

const isLink = shape<KeyLink>({
  key: isDigest,
  parts: shape<Pick<KeyLink['parts'], 'of'>>({ of: oneOf('job', 'step', 'end') }),
  files: maybe(isDigest),
});

export const areChains = listOf(shape<KeyChain>({ at: isNumber, links: listOf(isLink) }));
