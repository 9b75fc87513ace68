// Where a CI platform keeps a run's artifacts for people to download. This comment and those below are the specification.
//
// Best effort as seen from a run: nothing rejects for what the world does, and a refusal fails no job. Calls may come side by
// side. Each artifact is published once a run; names are made legal by the implementation, two that would become one stay apart.
import type { TreeEntry } from '../model/tree.ts';

export interface ArtifactSink {
  /** For people, e.g. `GitHub's artifacts`. */
  readonly name: string;
  /** All of it or nothing. Executable bits, links and empty folders come out as they went in. */
  publish(artifact: PublishedArtifact, signal: AbortSignal): Promise<PublishReceipt>;
}

export interface PublishedArtifact {
  /** Job instance and the artifact's name in the pipeline file. */
  readonly job: string;
  readonly name: string;
  /** The files of `entries`, at their paths. */
  readonly folder: string;
  readonly entries: readonly TreeEntry[];
  readonly expireMs: number;
}

export type PublishReceipt =
  /** `as`: the name it has there. `url`: where people find it, if the platform says so. */
  | { readonly kind: 'published'; readonly as: string; readonly url?: string }
  /** A sentence for people. */
  | { readonly kind: 'refused' | 'outage'; readonly message: string };
