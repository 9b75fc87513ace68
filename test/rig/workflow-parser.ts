// GitHub's own workflow parser: it imports JSON in a way that Node refuses, so it is bundled first.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Parser from '@actions/workflow-parser';
import { build } from 'esbuild';

/** What GitHub would say is wrong with a workflow; the name is for messages. */
export type WorkflowProblems = (name: string, content: string) => Promise<readonly string[]>;

export async function loadWorkflowParser(): Promise<WorkflowProblems> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-workflow-parser-'));
  try {
    const outfile = join(folder, 'parser.mjs');
    await build({
      stdin: {
        contents: "export * from '@actions/workflow-parser'",
        resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
      },
      ...{ bundle: true, format: 'esm', platform: 'node', outfile, logLevel: 'error' },
    });
    const parser = (await import(/* @vite-ignore */ outfile)) as typeof Parser;
    return async (name, content) => {
      const { context, value } = parser.parseWorkflow({ name, content }, new parser.NoOperationTraceWriter());
      const errors = context.errors.getErrors().map(({ message }) => message);
      if (!value) return errors;
      // Says what the schema cannot: needs that are not there, cycles, names of steps.
      const template = await parser.convertWorkflowTemplate(context, value);
      return [...errors, ...(template.errors ?? []).map(({ Message }) => Message)];
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
