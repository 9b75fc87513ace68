// action.yml, the project's workflows, the snippets for users and what `generate` makes, as GitHub's parser and the linters
// that people use see them.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { interpolate } from '../rig/gitlab-inputs.ts';
import { findTool } from '../rig/tool.ts';
import { loadWorkflowParser } from '../rig/workflow-parser.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const workflows = [
  ...['.github/workflows', 'templates/github'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name)),
  ),
  'test/unit/providers/github-workflow.golden.yml',
];
const problems = await loadWorkflowParser();

/** What GitLab makes of ours; `tags: []`, which it takes, its schema does not. */
function components(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-components-'));
  return ['lockstep', 'lockstep-fan-out'].map((name) => {
    const text = readFileSync(join(root, 'templates', name, 'template.yml'), 'utf8');
    const file = join(folder, `${name}.yml`);
    writeFileSync(file, JSON.stringify(interpolate(text, { tags: ['any'] }, 'text')));
    return file;
  });
}

const linters: readonly (readonly [program: string, words: readonly string[], files: readonly string[]])[] = [
  ['actionlint', [], workflows],
  ['check-jsonschema', ['--builtin-schema', 'vendor.github-workflows'], workflows],
  ['check-jsonschema', ['--builtin-schema', 'vendor.github-actions'], ['action.yml']],
  [
    'check-jsonschema',
    ['--builtin-schema', 'vendor.gitlab-ci'],
    ['.gitlab-ci.yml', 'test/unit/providers/gitlab-child-pipeline.golden.yml', ...components()],
  ],
  ['zizmor', ['--offline', '--config', '.github/zizmor.yml'], ['action.yml', ...workflows]],
];
for (const [name, words, files] of linters) {
  const tool = await findTool(name);
  const title = [name, ...words].join(' ');
  test.skipIf('missing' in tool)('missing' in tool ? `${title} (${tool.missing})` : title, async () => {
    if ('program' in tool) await promisify(execFile)(tool.program, [...words, ...files], { cwd: root });
  });
}

test.each(workflows)("GitHub's own parser: %s", async (name) => {
  expect(await problems(name, readFileSync(join(root, name), 'utf8'))).toEqual([]);
});

test.each(workflows)('%s: actions of others by commit, no permission that is not named', (name) => {
  const text = readFileSync(join(root, name), 'utf8');
  const used = [...text.matchAll(/^\s*(?:- )?uses: (\S+)/gm)].map(([, reference = '']) => reference);
  expect(used).not.toEqual([]);
  for (const reference of used)
    expect(reference).toMatch(/^\.\/|^(?:ORG|example)\/lockstep@v1$|@[0-9a-f]{40}$/);
  const { permissions } = parse(text) as { permissions?: unknown };
  expect(permissions).toEqual({ contents: 'read' });
});
