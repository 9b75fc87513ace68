// Small pipelines for tests, and what is said of them as `code@line:column text`.
import type { CiContext } from '../../../src/model/ci-context.ts';
import type { Diagnostic } from '../../../src/model/diagnostic.ts';
import type { Plan, PlannedJob } from '../../../src/model/plan.ts';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import type { LoadedPipeline } from '../../../src/pipeline/loaded.ts';
import { parsePipeline } from '../../../src/pipeline/parse.ts';
import { planPipeline, type PlanRequest } from '../../../src/pipeline/plan.ts';

/** The example of the language's own description. */
export const example = `version: 1
name: web
params:
  node: { type: choice, options: ["22", "24"], default: "24" }
secrets: [NPM_TOKEN]
caches:
  npm: { path: /root/.npm, key: [package-lock.json] }
defaults:
  image: node:24-bookworm-slim
  timeout: 20m
jobs:
  lint:
    inputs: [src/**, package*.json, eslint.config.js]
    steps: [npm ci, npx eslint .]
  test:
    image: node:\${{ matrix.node }}-bookworm-slim
    matrix: { node: ["22", "24"] }
    caches: [npm]
    services:
      db:
        image: postgres:17
        env: { POSTGRES_PASSWORD: x }
        ready: { run: pg_isready -U postgres }
    env: { DATABASE_URL: postgres://postgres:x@db/postgres }
    steps:
      - run: npm ci
        inputs: [package.json, package-lock.json]   # sees only these two files
        secrets: [NPM_TOKEN]
      - run: npm test
    reports: { junit: reports/*.xml }
  build:
    needs: [lint, test]
    steps:
      - run: npm ci
        inputs: [package.json, package-lock.json]
      - npm run build
      - id: meta
        run: echo "version=$(node -p 'require("./package.json").version')" >> "$LOCKSTEP_OUTPUT"
    outputs: { version: "\${{ steps.meta.outputs.version }}" }
    artifacts: { dist: dist/** }
  release:
    needs: [build]
    if: git.tag != ''
    reuse: false
    secrets: [NPM_TOKEN]
    env: { VERSION: "\${{ needs.build.outputs.version }}" }
    steps: [npm publish ./dist]
`;

/** A file with these jobs (and top-level keys before them), on one image. */
export const withJobs = (jobs: string, top = ''): string =>
  `version: 1\ndefaults: { image: busybox }\n${top}jobs:\n${jobs.replace(/^(?=.)/gm, '  ')}`;

export const inJob = (keys: string, top = ''): string => withJobs(`a:\n  steps: [x]\n  ${keys}`, top);
export const inStep = (keys: string, top = ''): string =>
  withJobs(`a:\n  steps:\n    - run: x\n      ${keys}`, top);

export function describeAll(diagnostics: readonly Diagnostic[], text: string): string[] {
  return diagnostics.map(({ code, location }) => {
    if (!location) return code;
    const { offset, length } = location;
    const before = text.slice(0, offset).split('\n');
    const place = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    return `${code}@${place} ${text.slice(offset, offset + length)}`;
  });
}

export const check = (text: string): string[] =>
  describeAll(parsePipeline({ file: 'lockstep.yml', text }).diagnostics, text);

/** With what each problem's hint says. */
export const say = (text: string): string[] => {
  const { diagnostics } = parsePipeline({ file: 'lockstep.yml', text });
  return describeAll(diagnostics, text).map((one, index) => `${one} → ${diagnostics[index]?.hint ?? ''}`);
};

export function load(text: string): LoadedPipeline {
  const { pipeline, diagnostics } = parsePipeline({ file: 'lockstep.yml', text });
  if (!pipeline) throw new Error(`not valid: ${JSON.stringify(diagnostics)}`);
  return pipeline;
}

export const context: CiContext = {
  git: {
    sha: '0123456789012345678901234567890123456789',
    'short-sha': '0123456',
    branch: 'main',
    tag: '',
    ref: 'refs/heads/main',
    'default-branch': 'main',
    repository: 'org/web',
    timestamp: 1_700_000_000,
    dirty: false,
  },
  event: { name: 'push', 'pull-request': null },
  run: { id: 'r1', number: 7, url: '', attempt: 1 },
};

export const request = (more: Partial<PlanRequest> = {}): PlanRequest => ({
  jobs: [],
  matrix: {},
  params: {},
  context,
  withNeeds: true,
  ...more,
});

export function plan(text: string, more: Partial<PlanRequest> = {}): Plan {
  const { plan: made, diagnostics } = planPipeline(load(text), request(more), createEvaluator());
  if (!made) throw new Error(`no plan: ${JSON.stringify(diagnostics)}`);
  return made;
}

export const refusePlan = (text: string, more: Partial<PlanRequest> = {}): string[] => {
  const { plan: made, diagnostics } = planPipeline(load(text), request(more), createEvaluator());
  if (made) throw new Error('there is a plan');
  return describeAll(diagnostics, text);
};

/** The one job with these keys, as it is in the plan. */
export const only = (keys: string, top = ''): PlannedJob => {
  const [job] = plan(inJob(keys, top)).jobs;
  if (!job) throw new Error('no job');
  return job;
};
