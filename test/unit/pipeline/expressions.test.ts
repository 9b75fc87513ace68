// What expressions may read where, as `lockstep check` tells it.
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../../src/pipeline/parse.ts';
import { check, withJobs } from './sample.ts';

const E = (text: string): string => `"\${{ ${text} }}"`;
const job = (keys: string, top = ''): string => withJobs(`a: { steps: [x], ${keys} }`, top);
const env = (text: string, more = ''): string => job(`env: { A: ${E(text)} }${more}`);
const codes = (text: string): string[] => check(text).map((one) => one.replace(/@\d+:\d+/, ''));

describe('are refused', () => {
  it.each<[string, string]>([
    // where none may stand
    [withJobs(`a: { steps: [${E('git.sha')}] }`), 'expression-in-script ${{ git.sha }}'],
    [withJobs('a: { steps: [{ run: "a ${{ b" }] }'), 'expression-in-script ${{ b'],
    [
      withJobs(`a: { finally: [{ run: ${E('git.sha')} }], steps: [x] }`),
      'expression-in-script ${{ git.sha }}',
    ],
    [
      job(`services: { d: { image: x, ready: { run: ${E('git.sha')} } } }`),
      'expression-in-script ${{ git.sha }}',
    ],
    [job(`description: ${E('git.sha')}`), 'expression-not-allowed ${{ git.sha }}'],
    [
      job(`image: { ref: x, auth: { username: ${E('git.sha')}, password-secret: S } }`, 'secrets: [S]\n'),
      'expression-not-allowed ${{ git.sha }}',
    ],
    [job('', `name: ${E('git.sha')}\n`), 'expression-not-allowed ${{ git.sha }}'],
    [job('', `params: { p: ${E('git.sha')} }\n`), 'expression-not-allowed ${{ git.sha }}'],

    // what does not parse
    [env('git.sha ='), 'invalid-expression ='],
    [env(''), 'invalid-expression }'],
    [env('git.sha =='), 'invalid-expression =='],
    [env('(git.sha'), 'invalid-expression sha'],
    [env("'a"), 'invalid-expression ${{'],
    [job('env: { A: "${{ git.sha }" }'), 'invalid-expression ${{'],
    [env('1a'), 'invalid-expression 1a'],
    [env('format()'), 'invalid-expression format'],
    [env('success(1)'), 'invalid-expression success'],
    [env('success()'), 'invalid-expression success'],
    [env('hashFiles(git.sha)'), 'invalid-expression hashFiles'],
    [env('constructor()'), 'invalid-expression constructor'],
    [env('__proto__()'), 'invalid-expression __proto__'],
    [job('if: "a ${{ git.sha }}"'), 'invalid-expression a ${{ git.sha }}'],
    [job('if: "${{ true }} && ${{ false }}"'), 'invalid-expression ${{ true }} && ${{ false }}'],
    [env(`${'('.repeat(60)}1${')'.repeat(60)}`), 'invalid-expression ('],

    // what is not there
    [env('github.sha'), 'unknown-context github'],
    [env('secrets.X'), 'unknown-context secrets'],
    [env('constructor.name'), 'unknown-context constructor'],
    [env('git.shaa'), 'unknown-context shaa'],
    [env("git['shaa']"), "unknown-context 'shaa'"],
    [env('event.pull-request.id'), 'unknown-context id'],
    [env('event.name.x'), 'unknown-context x'],
    [env('params.x'), 'unknown-param x'],
    [env('matrix.x'), 'unknown-context matrix.x'],
    [env('matrix.x', ', matrix: { y: [1] }'), 'unknown-context x'],
    [env('needs.b.status'), 'unknown-job b'],
    [env('steps.s.outcome'), 'unknown-context steps'],
    [job(`env: { A: b }`, `env: { B: ${E('env.C')} }\n`), 'unknown-context env'],
    [job('', `env: { B: ${E('needs.a.status')} }\n`), 'unknown-context needs'],
    [job(`if: matrix.x == 1, matrix: { x: [1] }`), 'unknown-context matrix'],
    [job(`matrix: { x: [${E('needs.b.outputs.c')}] }`), 'unknown-context needs'],
    [job(`image: ${E('steps.x.outputs.y')}`), 'unknown-context steps'],
    [job(`outputs: { v: ${E('steps.s.outputs.y')} }`), 'unknown-context s'],
    [
      withJobs(`a: { steps: [{ run: x, env: { A: ${E('steps.t.outcome')} } }, { run: y, id: t }] }`),
      'unknown-context t',
    ],
    [withJobs(`a: { steps: [{ run: x, id: t, if: steps.t.outcome == 'success' }] }`), 'unknown-context t'],
    [
      withJobs(`a: { steps: [{ run: y, id: t }, { run: x, if: steps.t.conclusion }] }`),
      'unknown-context conclusion',
    ],

    // needs
    [
      withJobs(`b: { steps: [x] }\na: { needs: [b], steps: [x], if: needs.b.result }`),
      'unknown-context result',
    ],
    [withJobs(`b: { steps: [x] }\na: { needs: [b], steps: [x], if: needs.b.outputs.v }`), 'unknown-output v'],
    [
      withJobs(
        `b: { steps: [x], matrix: { x: [1] }, outputs: { v: w } }\na: { needs: [b], steps: [x], env: { A: ${E('needs.b.outputs.v')} } }`,
      ),
      'wrong-type needs.b.outputs.v',
    ],

    // volatile
    [env('run.id'), 'volatile-in-reusable-job run.id'],
    [env('toJSON(run)'), 'volatile-in-reusable-job run'],
    [job(`if: run.attempt == 1`), 'volatile-in-reusable-job run.attempt'],
    [job('', `env: { B: ${E('run.id')} }\n`), 'volatile-in-reusable-job run.id'],
    [
      withJobs(`a: { steps: [{ run: x, env: { A: ${E('run.id')} } }, { run: y, reuse: false }] }`),
      'volatile-in-reusable-job run.id',
    ],

    [job(`env: { http: x, HTTP: y }, image: ${E('env.http')}`), 'invalid-expression http'],
  ])('%j', (text, expected) => {
    expect(codes(text)).toEqual([expected]);
  });
});

describe('variables that nothing declares', () => {
  it.each<[string, string, string]>([
    [job(`env: { AA: x }, image: ${E('env.AB')}`), 'AB', "did you mean 'AA'?"],
    [env('env.NOPE'), 'NOPE', 'here only the `env` of the file can be read'],
    [
      job(`env: { A: ${E('env.BESIDE')}, BESIDE: x }`),
      'BESIDE',
      'here only the `env` of the file can be read',
    ],
    [job(`if: env.LATER, env: { LATER: x }`), 'LATER', 'here only the `env` of the file can be read'],
    [
      withJobs(`a: { steps: [{ run: x, if: env.OWN, env: { OWN: x } }] }`),
      'OWN',
      'here only the `env` of the file and the job can be read',
    ],
    [
      withJobs(`a: { steps: [{ run: x, timeout: ${E('env.NOPE')} }] }`),
      'NOPE',
      'here only the `env` of the file and the job and the step can be read',
    ],
  ])('%j', (text, name, hint) => {
    const { pipeline, diagnostics } = parsePipeline({ file: 'f', text });
    expect(pipeline).not.toBeNull();
    expect(diagnostics).toMatchObject([
      {
        severity: 'warning',
        code: 'unknown-variable',
        message: `no \`env\` that can be read here has '${name}', so this is empty`,
        hint,
      },
    ]);
  });
});

describe('are fine', () => {
  it.each([
    env('event.pull-request.number || git.short-sha'),
    env('GIT.SHA'),
    withJobs(
      `a: { env: { J: x }, steps: [{ run: x, if: env.F, env: { S: ${E('env.j')} }, timeout: ${E('env.S')} }] }`,
      'env: { F: x }\n',
    ),
    env('env[git.sha]'),
    env("contains(event.*, 'push')"),
    env("format('{0} it''s ''{1}''', git.sha, 1)"),
    env("fromJSON(params.p).x[0]['y'].*.z", '').replace('jobs:', 'params: { p: x }\njobs:'),
    env("'}}'"),
    env('matrix.x.y', ', matrix: { include: [{ x: { y: 1 } }] }'),
    env('matrix.anything', `, matrix: ${E("fromJSON('{}')")}`),
    env('run.id', ', reuse: false'),
    env('git[params.p]').replace('jobs:', 'params: { p: x }\njobs:'),
    job('if: false'),
    job('if: "  ${{ always() }} "'),
    job(`timeout: ${E("format('{0}m', 5)")}`),
    job(
      `services: { d: { image: ${E('env.X')}, env: { A: ${E('env.X')} }, command: [${E('git.sha')}] } }, env: { X: y }`,
    ),
    withJobs(
      `a: { steps: [{ run: x, reuse: false }, { run: y, env: { A: ${E('run.id')} } }], finally: [{ run: z, env: { B: ${E('run.id')} } }] }`,
    ),
    withJobs(
      `a: { steps: [{ run: x, id: s }], finally: [{ run: y, id: t, if: steps.s.exit-code == 1 }, { run: z, if: steps.t.outputs.v }], outputs: { v: ${E('steps.t.outputs.v')} } }`,
    ),
    withJobs(
      `b: { steps: [x], matrix: { x: [1] }, outputs: { v: w } }\na: { needs: [b], steps: [x], env: { A: ${E("join(needs.b.outputs.v, ' ')")} }, if: "contains(needs.*.status, 'failure')", matrix: ${E('needs.b.outputs.v')} }`,
    ),
  ])('%s', (text) => {
    expect(check(text)).toEqual([]);
  });
});

describe('point at the place in the file', () => {
  const at = (value: string): string[] =>
    check(withJobs(`a:\n  steps:\n    - run: x\n      env:\n        A: ${value}`));

  it.each<[string, string]>([
    ["it's ${{ git.shaa }}", '8:27 shaa'],
    ["'it''s ${{ git.shaa }}'", '8:29 shaa'],
    ['"a\\n\\t\\"\\u0041 ${{ git.shaa }}"', '8:37 shaa'],
    ['|\n          a\n            b ${{\n             git.shaa }}', '11:20 shaa'],
    ['>-\n          a\n\n          ${{ git.shaa }}', '11:21 shaa'],
    ['a\n          ${{ git.shaa }}', '9:21 shaa'],
  ])('%j', (value, place) => {
    expect(at(value)).toEqual([`unknown-context@${place}`]);
  });
});

it('reports a default once, for the jobs that use it', () => {
  const jobs = 'a: { steps: [x] }\nb: { steps: [x] }\nc: { image: y, steps: [x] }';
  const text = `version: 1\ndefaults: { image: "x:\${{ matrix.v }}" }\njobs:\n${jobs.replace(/^/gm, '  ')}`;
  expect(check(text)).toEqual(['unknown-context@2:27 matrix.v', 'unknown-context@2:27 matrix.v']);
  expect(check(text.replace(/steps: \[x\]/g, 'matrix: { v: [1] }, steps: [x]'))).toEqual([]);
});
