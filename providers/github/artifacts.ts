// A run's artifacts → GitHub's artifacts, through its own client.
//
// GitHub keeps an artifact as a zip, and who downloads it loses executable bits, links and empty folders. An artifact that has
// any goes there as one file, `NAME.tar`; else its files are in the zip as they are, and are unpacked but once.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArtifactSink, PublishedArtifact, PublishReceipt } from '../../src/contract/artifact-sink.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { encodePath } from '../../src/model/path-bytes.ts';
import type { TreeEntry } from '../../src/model/tree.ts';
import { artifactName } from '../shared/artifact-name.ts';
import { variable } from '../shared/variable.ts';
import { platformOf } from './platform.ts';
import { sdkCalls, type SdkOutcome } from './sdk-calls.ts';

export interface GithubArtifactsOptions {
  /** Where temporary folders are made. Default: the runner's. */
  readonly folder?: string;
  /** The client tells of every 8 MB that went through. Default: 2 minutes. */
  readonly silentMs?: number;
}

export function githubArtifacts(
  environment: Environment,
  {
    folder = variable(environment, 'RUNNER_TEMP') || tmpdir(),
    silentMs = 120_000,
  }: GithubArtifactsOptions = {},
): Promise<ArtifactSink> {
  const name = `the artifacts of ${platformOf(environment)}`;
  const sdk = sdkCalls({ client: 'artifact', environment, name, silentMs });
  const publish = async (
    artifact: PublishedArtifact,
    signal: AbortSignal,
    own: string,
  ): Promise<PublishReceipt> => {
    const as = artifactName(artifact);
    const files = await whatToUpload(artifact, join(own, `${as}.tar`), environment, signal);
    if (signal.aborted) return { kind: 'outage', message: 'cancelled' };
    if ('problem' in files) return { kind: 'refused', message: `${as} is not published: ${files.problem}` };
    const retentionDays = daysOf(artifact.expireMs);
    const outcome = await sdk.call(own, { name: as, ...files, retentionDays }, { signal });
    return readReceipt(outcome, { name, as, environment });
  };
  return Promise.resolve({
    name,
    async publish(artifact, signal) {
      let own: string | undefined;
      try {
        own = await mkdtemp(join(folder, 'lockstep-artifact-'));
        return await publish(artifact, signal, own);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error;
        return { kind: 'refused', message: `${artifact.name} is not published: ${error.message}` };
      } finally {
        if (own !== undefined) await rm(own, { recursive: true, force: true }).catch(() => undefined);
      }
    },
  });
}

const dayMs = 24 * 3600_000;
const daysOf = (expireMs: number): number => Math.min(90, Math.max(1, Math.ceil(expireMs / dayMs)));

interface Upload {
  readonly files: readonly string[];
  readonly root: string;
}

async function whatToUpload(
  { folder, entries }: PublishedArtifact,
  tar: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<Upload | { readonly problem: string }> {
  if (entries.length > 0 && entries.every(isPlain)) {
    const files = entries.map(({ path }) => join(folder, path));
    const lost = files.find((file) => !existsSync(file));
    return lost === undefined ? { files, root: folder } : { problem: `${lost} is gone` };
  }
  const problem = await packTar(folder, entries, tar, environment, signal);
  return problem === null ? { files: [tar], root: join(tar, '..') } : { problem };
}

/** Whether a zip can hold it: a file without any mode and with a name that every system can have. */
const isPlain = (entry: TreeEntry): boolean =>
  entry.type === 'file' && !entry.executable && entry.path.search(forbiddenInPath) === -1;
const forbiddenInPath = /["<>|*?:\\\p{Cc}\p{Cs}]/u;

/** Tar, since the runner has it and takes names in any bytes. A string: what it says is wrong. */
async function packTar(
  folder: string,
  entries: readonly TreeEntry[],
  into: string,
  { PATH }: Environment,
  signal: AbortSignal,
): Promise<string | null> {
  const options = ['--null', '--no-recursion', '--numeric-owner', '-c', '-f', into, '-C', folder, '-T', '-'];
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const tar = spawn('tar', options, {
    env: { PATH, LC_ALL: 'C' },
    signal,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let said = '';
  tar.stderr.on('data', (chunk: Buffer) => (said += said.length < 1000 ? chunk.toString() : ''));
  tar.on('error', (error) => resolve(error.message));
  tar.on('close', (code) => resolve(code === 0 ? null : (said.split('\n')[0] ?? '')));
  tar.stdin.on('error', () => undefined); // It ended before it read all, and says why.
  tar.stdin.end(Buffer.concat(entries.map(({ path }) => encodePath(`./${path}\0`))));
  return promise;
}

function readReceipt(
  outcome: SdkOutcome,
  {
    name,
    as,
    environment,
  }: { readonly name: string; readonly as: string; readonly environment: Environment },
): PublishReceipt {
  switch (outcome.kind) {
    case 'away':
      return { kind: 'outage', message: outcome.message };
    case 'returned': {
      const url = urlOf(environment, outcome.value);
      return { kind: 'published', as, ...(url !== undefined && { url }) };
    }
    case 'threw': {
      const [line = ''] = outcome.message.split('\n');
      const refuses = refusals.includes(outcome.name) || /\((?!429)4\d\d\)|quota/.test(line);
      return { kind: refuses ? 'refused' : 'outage', message: `${name} did not take ${as}: ${line}` };
    }
  }
}

const refusals = ['GHESNotSupportedError', 'InvalidResponseError'];

/** As GitHub's own upload action says it. */
function urlOf(environment: Environment, value: unknown): string | undefined {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  const parts = ['GITHUB_SERVER_URL', 'GITHUB_REPOSITORY', 'GITHUB_RUN_ID'].map((key) =>
    variable(environment, key),
  );
  if (typeof id !== 'number' || parts.includes('')) return undefined;
  const [server, repository, run] = parts;
  return `${server ?? ''}/${repository ?? ''}/actions/runs/${run ?? ''}/artifacts/${id}`;
}
