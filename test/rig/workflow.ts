// A repository with a workflow of one step, `uses: ./`, and what its run on a machine of GitHub's came to.
import { onTestFinished } from 'vitest';
import { resultsService, type ResultsService } from '../fakes/results-service.ts';
import { Project } from './project.ts';
import { Machine, type StepEnd, type Variables } from './runner.ts';

export const pipeline = (text: string): Readonly<Record<string, string>> => ({
  'lockstep.yml': `version: 1\ndefaults: { image: "busybox:latest" }\n${text}`,
});

export const hello = pipeline(`
jobs:
  hello:
    steps: [echo hello from inside]
`);

export async function service(): Promise<ResultsService> {
  const started = await resultsService();
  onTestFinished(() => started.close());
  return started;
}

/** A project with all of it committed, and a machine without any service. */
export function workflow(files: Readonly<Record<string, string>>, variables: Variables = {}) {
  const project = new Project(files);
  project.commit();
  const machine = new Machine(project, variables);
  onTestFinished(() => {
    machine[Symbol.dispose]();
    project[Symbol.dispose]();
  });
  return { project, machine };
}

/** Artifacts are a run's, cache entries stay. */
export const nextWorkflow = (fake: ResultsService): void => void fake.artifacts.splice(0);

export const runId = (project: Project): string => project.read('.lockstep/last').trim();
export const titles = ({ annotations }: StepEnd): unknown[] =>
  annotations.map(({ properties }) => properties.title);
export const errors = ({ annotations }: StepEnd) => annotations.filter(({ name }) => name === 'error');
export const warnings = ({ annotations }: StepEnd) => annotations.filter(({ name }) => name === 'warning');
export const reused = ({ outputs }: StepEnd): unknown => JSON.parse(outputs.reused ?? 'null');
