// GitHub's artifact client against a fake of its service that fails in every way it can.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { githubArtifacts } from '../../providers/github/artifacts.ts';
import type { PublishedArtifact, PublishReceipt } from '../../src/contract/artifact-sink.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { resultsService, type Fault, type ResultsService } from '../fakes/results-service.ts';

const cleanUp: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const clean of cleanUp) await clean();
});

interface Place {
  readonly service: ResultsService;
  readonly publish: (change?: Partial<PublishedArtifact>, signal?: AbortSignal) => Promise<PublishReceipt>;
}

async function placeOf(environment: Environment = {}, silentMs?: number): Promise<Place> {
  const service = await resultsService();
  const parent = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
  const [temp, folder] = [join(parent, 'temp'), join(parent, 'artifact')];
  mkdirSync(temp);
  mkdirSync(folder);
  writeFileSync(join(folder, 'app'), 'a');
  cleanUp.push(async () => {
    await service.close();
    rmSync(parent, { recursive: true });
  });
  const sink = await githubArtifacts(
    { PATH: process.env.PATH, ...service.environment('v2'), RUNNER_TEMP: temp, ...environment },
    silentMs === undefined ? {} : { silentMs },
  );
  const entries = [{ type: 'file', path: 'app', executable: true, digest: '', size: 1 }] as const;
  return {
    service,
    async publish(change, signal = new AbortController().signal) {
      const artifact = { job: 'build', name: 'app', folder, entries, expireMs: 1, ...change };
      const receipt = await sink.publish(artifact, signal);
      expect(readdirSync(temp)).toEqual([]);
      const text = JSON.stringify(receipt);
      expect(text).not.toContain(service.token);
      expect(text).not.toMatch(/sig=/);
      return receipt;
    },
  };
}

const at =
  (name: string, fault: Fault): ResultsService['fault'] =>
  (request) =>
    request === name ? fault : null;

describe.concurrent("GitHub's artifacts", () => {
  it('says where people find them', async () => {
    const { publish } = await placeOf({ GITHUB_REPOSITORY: 'o/r', GITHUB_RUN_ID: '7' });
    const url = 'https://github.com/o/r/actions/runs/7/artifacts/1';
    expect(await publish()).toEqual({ kind: 'published', as: 'build.app', url });
  });

  it('keeps them for whole days, from 1 to 90', async () => {
    const { service, publish } = await placeOf();
    const dayMs = 24 * 3600_000;
    const wanted = { '1': 1, '2': dayMs + 1, '30': 30 * dayMs, '90': 1000 * dayMs };
    for (const [name, expireMs] of Object.entries(wanted)) await publish({ name, expireMs });
    const kept = service.artifacts.map(({ name, expiresAt = '' }) => [
      name,
      Math.round((Date.parse(expiresAt) - Date.now()) / dayMs),
    ]);
    expect(kept).toEqual(Object.keys(wanted).map((days) => [`build.${days}`, Number(days)]));
  });

  it('keeps them for no longer than the repository allows', async () => {
    const { service, publish } = await placeOf({ GITHUB_RETENTION_DAYS: '5' });
    await publish({ expireMs: 1e12 });
    const days = (Date.parse(service.artifacts[0]?.expiresAt ?? '') - Date.now()) / (24 * 3600_000);
    expect(Math.round(days)).toBe(5);
  });

  it('is refused on a host that is not GitHub', async () => {
    const { service, publish } = await placeOf({ GITHUB_SERVER_URL: 'https://git.example.com' });
    expect(await publish()).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('GHES') as string,
    });
    expect(service.requests).toEqual([]);
  });

  it('is refused a name that is taken', async () => {
    const { publish } = await placeOf();
    await publish();
    expect(await publish()).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('already exists') as string,
    });
  });

  it('is refused more than a job may have', async () => {
    const { service, publish } = await placeOf();
    service.maxArtifacts = 1;
    await publish({ name: 'first' });
    expect(await publish({ name: 'second' })).toMatchObject({ kind: 'refused' });
  });

  it('is refused where the storage is used up, or the token may not', async () => {
    const { service, publish } = await placeOf();
    service.fault = at('CreateArtifact', { status: 403, message: 'insufficient usage' });
    expect(await publish()).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('quota') as string,
    });
    service.fault = at('CreateArtifact', { status: 403, message: 'no' });
    expect(await publish()).toMatchObject({ kind: 'refused' });
  });

  for (const fault of [{ status: 429 }, { status: 503 }, 'garbage', 'reset'] as const) {
    it(`takes ${JSON.stringify(fault)} for an outage`, async () => {
      const { service, publish } = await placeOf();
      service.fault = at('CreateArtifact', fault);
      expect(await publish()).toMatchObject({ kind: 'outage' });
      expect(service.requests.length).toBeLessThanOrEqual(3);
    });
  }

  for (const request of ['CreateArtifact', 'upload', 'FinalizeArtifact']) {
    it(`takes silence of ${request} for an outage`, async () => {
      const { service, publish } = await placeOf({}, 8000);
      service.fault = at(request, 'silent');
      expect(await publish()).toMatchObject({ kind: 'outage' });
    });
  }

  it('is given up by a cancel', async () => {
    const { service, publish } = await placeOf();
    const cancel = new AbortController();
    service.fault = (request) => {
      if (request !== 'upload') return null;
      cancel.abort();
      return 'silent';
    };
    expect(await publish({}, cancel.signal)).toEqual({ kind: 'outage', message: 'cancelled' });
  });

  it('says it where there is no tar', async () => {
    const { publish } = await placeOf({ PATH: '/nowhere' });
    expect(await publish()).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('tar') as string,
    });
  });
});
