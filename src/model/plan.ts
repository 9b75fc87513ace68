// The plan: what one run would do, with every default filled in. Made by src/pipeline, executed by engine.
import type { CiContext } from './ci-context.ts';
import type { JsonValue } from './json.ts';

export type Platform = 'linux/amd64' | 'linux/arm64';

/** Text that may hold `${{ }}`. */
export type Template = string;

export type ParamValue = string | number | boolean;

/** Values of one matrix combination, keys in the order that names the instance. */
export type MatrixValues = Readonly<Record<string, JsonValue>>;

export interface Plan {
  /** `name` of the file; null without one. */
  readonly pipeline: string | null;
  /** The pipeline file, relative to the source root. */
  readonly file: string;
  readonly platform: Platform;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly env: Readonly<Record<string, Template>>;
  /** Those that the file declares. */
  readonly secrets: Readonly<Record<string, PlannedSecret>>;
  readonly context: CiContext;
  /** Paths of facts that the selected jobs read, e.g. `git.sha`, sorted. */
  readonly factsRead: readonly string[];
  /** Every job of the file with its needs, whatever was selected: what `merge` checks completeness with. */
  readonly graph: Readonly<Record<string, readonly string[]>>;
  /** Per job of the plan whose matrix is known: all its instances in their order, whatever `--matrix` left of them. */
  readonly instances: Readonly<Record<string, readonly string[]>>;
  /** The selected jobs and all they need, each after its needs, else in the file's order. */
  readonly jobs: readonly PlannedJob[];
}

export interface PlannedJob {
  readonly name: string;
  readonly description?: string;
  readonly needs: readonly Need[];
  /** Needed jobs of which an expression reads an output or an artifact is taken. */
  readonly takesFrom: readonly string[];
  readonly condition: Condition | null;
  /** Static instances, or the template whose value is the matrix; a job without a matrix has one with no values. */
  readonly matrix: { readonly instances: readonly MatrixValues[] } | { readonly template: Template };
  /** Matrix values that `--matrix` asked for: only instances that have them run. */
  readonly only: Readonly<Record<string, string>>;
  readonly failFast: boolean;
  readonly maxParallel: number | null;
  readonly image: Template;
  readonly inputs: readonly string[];
  readonly git: boolean;
  readonly env: Readonly<Record<string, Template>>;
  readonly secrets: readonly string[];
  readonly caches: readonly PlannedCache[];
  readonly services: Readonly<Record<string, PlannedService>>;
  readonly steps: readonly PlannedStep[];
  readonly finally: readonly PlannedStep[];
  readonly outputs: Readonly<Record<string, Template>>;
  readonly artifacts: Readonly<Record<string, PlannedArtifact>>;
  readonly reports: PlannedReports;
  readonly reuse: boolean;
  /** A duration such as `20m`, maybe from an expression. */
  readonly timeout: Template;
  readonly retry: Retry;
  readonly allowFailure: AllowFailure;
  readonly resources: Resources;
  /** Null: the image's. */
  readonly user: string | null;
  readonly workdir: string;
  readonly network: boolean;
  readonly privileged: boolean;
}

export interface PlannedSecret {
  readonly description?: string;
  readonly required: boolean;
  /** Delivered as a file, its path in `NAME_FILE`. */
  readonly file: boolean;
  /** Searched for in what is published. */
  readonly guard: boolean;
}

export interface PlannedCache {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Files whose content names the native copy; none: the cache's own content does. */
  readonly key: readonly string[];
  readonly save: 'success' | 'always' | 'never';
}

export interface Need {
  readonly job: string;
  /** Names of the artifacts taken. */
  readonly artifacts: readonly string[];
}

/** An `if`: GitHub's expression text without braces. */
export interface Condition {
  readonly expression: string;
  /** Calls success, failure, always or cancelled; one that does not means `success() && (…)`. */
  readonly callsStatus: boolean;
}

export type AllowFailure = boolean | { readonly exitCodes: readonly number[] };

export type RetryReason = 'failure' | 'timeout' | 'environment';

export interface Retry {
  /** Further attempts after the first. */
  readonly max: number;
  readonly on: readonly RetryReason[];
  readonly delayMs: number;
  readonly backoff: number;
}

export interface Resources {
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly shmBytes?: number;
  readonly pids?: number;
}

export interface PlannedStep {
  /** What people see: `name`, else the first line of `run` that says something. */
  readonly name: string;
  readonly id: string | null;
  readonly run: string;
  /** The interpreter's words; the script's path comes last, e.g. `['sh', '-e']`. */
  readonly shell: readonly string[];
  /** Null: everything the job sees. */
  readonly inputs: readonly string[] | null;
  readonly env: Readonly<Record<string, Template>>;
  readonly secrets: readonly string[];
  /** Null: the job's. */
  readonly workdir: string | null;
  readonly user: string | null;
  readonly services: boolean;
  readonly condition: Condition | null;
  readonly timeout: Template | null;
  readonly retry: Retry;
  readonly allowFailure: AllowFailure;
  readonly reuse: boolean;
}

export interface PlannedService {
  readonly image: Template;
  readonly env: Readonly<Record<string, Template>>;
  /** Null: the image's. */
  readonly command: readonly Template[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly secrets: readonly string[];
  /** Null: the image's HEALTHCHECK, else its first exposed TCP port, else "running". */
  readonly ready: Ready | null;
  readonly resources: Resources;
  readonly user: string | null;
  readonly privileged: boolean;
}

export interface Ready {
  readonly check: { readonly run: string } | { readonly tcp: number } | { readonly http: string };
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface PlannedArtifact {
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  readonly when: 'success' | 'failure' | 'always';
  readonly expireMs: number;
  readonly empty: 'error' | 'ok';
}

export interface PlannedReports {
  readonly junit: readonly string[];
  readonly cobertura: readonly string[];
  readonly lcov: readonly string[];
  readonly sarif: readonly string[];
}
