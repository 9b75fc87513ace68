// The thread of GitHub's client for artifacts.
import { serveCalls } from './sdk-thread.ts';
import type { SdkActions } from './sdk-calls.ts';
import { DefaultArtifactClient } from '@actions/artifact';

const client = new DefaultArtifactClient();
serveCalls(({ name, files, root, retentionDays }: SdkActions['artifact']) =>
  client.uploadArtifact(name, [...files], root, { retentionDays }),
);
