// The facts about the commit, the event and the run that a pipeline file may read. Filled by a provider.

export interface GitFacts {
  readonly sha: string;
  readonly 'short-sha': string;
  /** Source branch on a change request, `''` on a tag. */
  readonly branch: string;
  readonly tag: string;
  readonly ref: string;
  readonly 'default-branch': string;
  /** `owner/name`, `''` without a remote. */
  readonly repository: string;
  /** The commit's, in Unix seconds. */
  readonly timestamp: number;
  readonly dirty: boolean;
}

export type EventName = 'push' | 'pull-request' | 'tag' | 'schedule' | 'manual';

export interface EventFacts {
  readonly name: EventName;
  /** Null unless the event is a pull request; its members then read as `''` or null in an expression. */
  readonly 'pull-request': {
    readonly number: number;
    readonly source: string;
    readonly target: string;
    readonly fork: boolean;
  } | null;
}

/** Differ from run to run, so only a job with `reuse: false` may read them. */
export interface RunFacts {
  readonly id: string;
  readonly number: number;
  readonly url: string;
  readonly attempt: number;
}

export interface CiContext {
  readonly git: GitFacts;
  readonly event: EventFacts;
  readonly run: RunFacts;
}
