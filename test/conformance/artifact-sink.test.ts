// Runs the artifact sink contract for GitHub's artifacts, on a fake of their service, and for the fake. Needs no engine.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { githubArtifacts } from '../../providers/github/artifacts.ts';
import { gitlabArtifacts } from '../../providers/gitlab/artifacts.ts';
import { memoryArtifactSink } from '../fakes/memory-artifact-sink.ts';
import { resultsService } from '../fakes/results-service.ts';
import { unzip } from '../rig/unzip.ts';
import { artifactSinkContract } from './artifact-sink.ts';

artifactSinkContract("GitHub's artifacts", async () => {
  const service = await resultsService();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
  return {
    open: () => githubArtifacts({ ...process.env, ...service.environment('v2'), RUNNER_TEMP: folder }),
    download: (as, into) => unzip(service.artifactContent(as), into),
    names: () => service.artifacts.filter(({ final }) => final).map(({ name }) => name),
    async remove() {
      await service.close();
      rmSync(folder, { recursive: true });
    },
  };
});

artifactSinkContract("GitLab's artifacts, a folder that its runner takes", () => {
  const checkout = mkdtempSync(join(tmpdir(), 'lockstep-gitlab-'));
  const folder = join(checkout, '.lockstep/gitlab/artifacts');
  return Promise.resolve({
    open: () => gitlabArtifacts({ CI_PROJECT_DIR: checkout }),
    download: (as, into) => {
      cpSync(join(folder, as), into, { recursive: true, verbatimSymlinks: true });
      return Promise.resolve();
    },
    names: () => {
      mkdirSync(folder, { recursive: true });
      return readdirSync(folder);
    },
    remove: () => rmSync(checkout, { recursive: true }),
  });
});

artifactSinkContract('in memory', () => {
  const sink = memoryArtifactSink();
  return Promise.resolve({
    open: () => Promise.resolve(sink),
    download: (as, into) => sink.download(as, into),
    names: () => [...sink.published.keys()],
    remove: () => undefined,
  });
});
