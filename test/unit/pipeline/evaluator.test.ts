import { describe, expect, it } from 'vitest';
import type { Scope } from '../../../src/contract/evaluator.ts';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';

const { text, condition, literalCondition, matrix, value } = createEvaluator();
const scope: Scope = {
  contexts: {
    params: { a: 'x', n: 3, yes: true },
    matrix: { os: 'Linux', o: { deep: [1, 2] } },
    needs: { b: { status: 'success', outputs: { list: ['1', '2'], json: '{"v":["x","y"]}', bad: '{' } } },
    event: { name: 'push', 'pull-request': null },
    steps: { s: { 'exit-code': 0, outcome: 'success', outputs: {} } },
  },
  standing: { success: true, failure: false, cancelled: false },
};

describe('text', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['a ${{ params.a }}${{ params.n }} b', 'a x3 b'],
    ['${{ params.yes }}', 'true'],
    ['${{ steps.s.exit-code }}', '0'],
    ["${{ params.a == 'X' }}", 'true'],
    ['${{ PARAMS.A }}', 'x'],
    ['[${{ event.pull-request.number }}]', '[]'],
    ['[${{ git.sha }}]', '[]'],
    ['[${{ params.constructor }}]', '[]'],
    ["${{ 'it''s ''so''' }}", "it's 'so'"],
    ["${{ '}}' }}", '}}'],
    ["${{ join(needs.b.outputs.list, '+') }}", '1+2'],
    ['${{ fromJSON(needs.b.outputs.json).v[1] }}', 'y'],
    ['${{ toJSON(matrix.o.deep) }}', '[\n  1,\n  2\n]'],
  ])('%j is %j', (template, expected) => {
    expect(text(template, scope)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ['${{ needs.b.outputs.list }}', 'wrong-type', /`needs.b.outputs.list` is a list/],
    ['a ${{ matrix.o }}', 'wrong-type', /`matrix.o` is an object/],
    ['${{ fromJSON(\'"\\u0000"\') }}', 'wrong-type', /NUL/],
    ['${{ fromJSON(needs.b.outputs.bad) }}', 'invalid-expression', /parsing JSON/],
    ["${{ format('{1}', 1) }}", 'invalid-expression', /more arguments/],
    ['${{ a( }}', 'invalid-expression', /no function 'a'/],
  ])('%j is a failure', (template, code, message) => {
    expect(text(template, scope)).toMatchObject({
      ok: false,
      failure: { kind: 'pipeline', code, message: expect.stringMatching(message) as string },
    });
  });
});

describe('value', () => {
  it('keeps what one expression gives', () => {
    expect(value(' ${{ matrix.o }} ', scope)).toEqual({ ok: true, value: { deep: [1, 2] } });
    expect(value('${{ params.n }}', scope)).toEqual({ ok: true, value: 3 });
    expect(value('n${{ params.n }}', scope)).toEqual({ ok: true, value: 'n3' });
    expect(value('${{ event.pull-request }}', scope)).toEqual({ ok: true, value: null });
  });
});

describe('conditions', () => {
  const failed: Scope = { ...scope, standing: { success: false, failure: true, cancelled: false } };
  const plain = { expression: "params.a == 'x'", callsStatus: false };

  it('imply success()', () => {
    expect(condition(plain, scope)).toEqual({ ok: true, value: true });
    expect(condition(plain, failed)).toEqual({ ok: true, value: false });
    expect(literalCondition(plain, failed)).toEqual({ ok: true, value: true });
  });

  it.each([
    ['always()', true, true],
    ['success()', true, false],
    ['failure()', false, true],
    ['!cancelled()', true, true],
    ['FAILURE() || false', false, true],
  ])('%s', (expression, whenGood, whenFailed) => {
    expect(condition({ expression, callsStatus: true }, scope)).toEqual({ ok: true, value: whenGood });
    expect(condition({ expression, callsStatus: true }, failed)).toEqual({ ok: true, value: whenFailed });
  });

  it('take texts, numbers and nothing as GitHub does', () => {
    for (const [expression, holds] of [
      ["''", false],
      ["'false'", true],
      ['0', false],
      ['null', false],
    ] as const) {
      expect(literalCondition({ expression, callsStatus: false }, scope)).toEqual({ ok: true, value: holds });
    }
  });
});

describe('matrix', () => {
  const of = (json: string) => matrix(`\${{ fromJSON('${json}') }}`, scope);

  it('is expanded', () => {
    expect(of('{"v":[1,2],"include":[{"v":2,"x":true}]}')).toEqual({
      ok: true,
      value: [{ v: 1 }, { v: 2, x: true }],
    });
    expect(matrix('${{ fromJSON(needs.b.outputs.json) }}', scope)).toEqual({
      ok: true,
      value: [{ v: 'x' }, { v: 'y' }],
    });
  });

  it('may come out empty', () => {
    expect(of('{"v":[]}')).toEqual({ ok: true, value: [] });
    expect(of('{"include":[]}')).toEqual({ ok: true, value: [] });
  });

  it.each([
    ['[1]', 'wrong-type'],
    ['"x"', 'wrong-type'],
    ['null', 'wrong-type'],
    ['{"v":1}', 'wrong-type'],
    ['{"v":[1],"include":{}}', 'wrong-type'],
    ['{"v":[1],"exclude":[1]}', 'wrong-type'],
    ['{"v x":[1]}', 'wrong-type'],
    ['{"v":[1],"exclude":[{"w":1}]}', 'unknown-key'],
    ['{"v":[1,1]}', 'duplicate-key'],
    [`{"v":[${Array.from({ length: 257 }, (_, index) => index).join()}]}`, 'matrix-too-large'],
  ])('refuses %.40s', (json, code) => {
    expect(of(json)).toMatchObject({ ok: false, failure: { kind: 'pipeline', code } });
  });

  it('says how to make an object of a text', () => {
    expect(matrix('${{ needs.b.outputs.json }}', scope)).toMatchObject({
      failure: { hint: expect.stringContaining('fromJSON') as string },
    });
  });
});
