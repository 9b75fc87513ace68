// Events of GitHub's as its runner hands them on, and what we make of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { githubContext } from '../../../providers/github/context.ts';
import type { ContextRequest, Environment, EventOverrides } from '../../../src/contract/provider.ts';
import { checkoutOf, facts, gitOf, sha } from './checkout-answers.ts';

export const folder = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
let files = 0;
export function eventFile(text: string): string {
  const path = join(folder, `${String(++files)}.json`);
  writeFileSync(path, text);
  return path;
}

const all = [
  ...facts.map((name) => `git.${name}`),
  'event.name',
  ...['number', 'source', 'target', 'fork'].map((name) => `event.pull-request.${name}`),
];

export const ours = { id: 1, full_name: 'org/app', default_branch: 'trunk' };
export const fork = { id: 2, full_name: 'someone/app' };
export const environment: Environment = {
  GITHUB_ACTIONS: 'true',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/heads/trunk',
  GITHUB_SHA: sha,
  GITHUB_REPOSITORY: 'org/app',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_RUN_ID: '9001',
  GITHUB_RUN_NUMBER: '17',
  GITHUB_RUN_ATTEMPT: '2',
};

/** What actions/checkout leaves of a branch. */
export const onTrunk = checkoutOf('trunk', 'https://github.com/org/app');
export const detached = { ...onTrunk, 'symbolic-ref --short -q HEAD': '' };

export interface Case {
  readonly payload?: unknown;
  readonly variables?: Environment;
  readonly answers?: Record<string, string>;
  readonly overrides?: EventOverrides;
  readonly wanted?: readonly string[];
}

export function requestOf({ payload, variables, answers = onTrunk, overrides = {}, wanted = all }: Case) {
  const { git, asked } = gitOf(answers);
  const request: ContextRequest = {
    environment: {
      ...environment,
      ...(payload !== undefined && { GITHUB_EVENT_PATH: eventFile(JSON.stringify(payload)) }),
      ...variables,
    },
    git,
    overrides,
    runId: 'r1',
    wanted: new Set(wanted),
  };
  return { request, asked };
}

export async function contextOf(of: Case) {
  const { request, asked } = requestOf(of);
  const got = await githubContext(request);
  if (!got.ok) throw new Error(got.failure.message);
  return { ...got.value, asked };
}

export async function failureOf(of: Case) {
  const got = await githubContext(requestOf(of).request);
  if (got.ok) throw new Error(`passed as ${JSON.stringify(got.value.event)}`);
  return got.failure;
}

export const pullRequest = (head: unknown, more: object = {}): object => ({
  number: 7,
  head: { ref: 'topic', repo: head },
  base: { ref: 'trunk', repo: ours },
  ...more,
});
export const onPullRequest: Environment = {
  GITHUB_EVENT_NAME: 'pull_request',
  GITHUB_REF: 'refs/pull/7/merge',
  GITHUB_HEAD_REF: 'topic',
  GITHUB_BASE_REF: 'trunk',
};
