import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { loadEvaluator } from '../../../src/pipeline/load-evaluator.ts';
import { parsePipeline } from '../../../src/pipeline/parse.ts';

const scope = { contexts: {}, standing: { success: true, failure: false, cancelled: false } };

it('gives texts without an expression as the whole evaluator does', async () => {
  const [plain, whole] = [await loadEvaluator(false), createEvaluator()];
  for (const text of ['', ' ', 'node:24', '$HOME', '${x}', '}}', '{{ x }}', "'", 'a\nb']) {
    expect(plain.text(text, scope)).toEqual(whole.text(text, scope));
    expect(plain.value(text, scope)).toEqual(whole.value(text, scope));
  }
});

it('refuses to guess what an expression comes to', async () => {
  const plain = await loadEvaluator(false);
  expect(() => plain.matrix('${{ fromJSON(params.m) }}', scope)).toThrow('an expression');
  expect(() => plain.condition({ expression: 'false', callsStatus: false }, scope)).toThrow('an expression');
});

it('is the whole one for every file that has an expression or an `if`', () => {
  for (const path of globSync('test/cases/*/lockstep.yml')) {
    const { pipeline } = parsePipeline({ file: 'f', text: readFileSync(path, 'utf8') });
    if (!pipeline) continue;
    const written = JSON.stringify(pipeline.pipeline);
    expect(pipeline.hasExpressions, path).toBe(written.includes('${{') || written.includes('"if":'));
  }
});
