// A run's artifacts → folders beside each other, which the platform takes from the checkout when its job ends.
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactSink, PublishedArtifact, PublishReceipt } from '../../src/contract/artifact-sink.ts';
import type { Outcome } from '../../src/model/failure.ts';
import { artifactName } from './artifact-name.ts';
import { linkEntries } from './hard-links.ts';

export interface FolderSinkOptions {
  /** For people. */
  readonly name: string;
  /** The folder that they go into, absolute, made where it is missing. */
  readonly folder: () => Outcome<string>;
  /** Where people find an artifact of that name, once the job has ended. */
  readonly urlOf: (as: string) => string | undefined;
}

export function folderSink({ name, folder, urlOf }: FolderSinkOptions): ArtifactSink {
  const publish = async (
    { folder: from, entries }: PublishedArtifact,
    as: string,
    into: string,
    signal: AbortSignal,
  ): Promise<PublishReceipt> => {
    // Of an earlier run.
    await rm(join(into, as), { recursive: true, force: true });
    if (signal.aborted) return { kind: 'outage', message: 'cancelled' };
    const partial = join(into, `.partial-${randomBytes(6).toString('hex')}`);
    try {
      await mkdir(partial);
      await linkEntries(from, entries, partial);
      await rename(partial, join(into, as));
    } finally {
      await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    }
    const url = urlOf(as);
    return { kind: 'published', as, ...(url !== undefined && { url }) };
  };
  return {
    name,
    async publish(artifact, signal) {
      const as = artifactName(artifact);
      const refused = (why: string): PublishReceipt => ({
        kind: 'refused',
        message: `${as} is not published: ${why}`,
      });
      const into = folder();
      if (!into.ok) return refused(into.failure.message);
      try {
        return await publish(artifact, as, into.value, signal);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error;
        return refused(error.message);
      }
    },
  };
}
