// Matrices whose instances no generator can give machines of their own.

export const step = 'steps: [echo hi]';

/** What it is, the jobs of a pipeline with it, and why, as the comment at the job says it. */
export const undividedMatrices: readonly (readonly [what: string, jobs: string, why: string])[] = [
  [
    'a matrix of outputs',
    `  a: { steps: [{ id: s, run: x }], outputs: { m: "\${{ steps.s.outputs.m }}" } }\n  m: { needs: [a], matrix: "\${{ fromJSON(needs.a.outputs.m) }}", ${step} }`,
    'which ones there are is known when the needed jobs ran',
  ],
  ['a matrix of facts', `  m: { matrix: { n: ["\${{ git.branch }}", b] }, ${step} }`, 'depends on the event'],
  ['fail-fast', `  m: { matrix: { n: [1, 2] }, fail-fast: true, ${step} }`, 'cancels the others'],
  [
    'one instance whose values are in another',
    `  m: { matrix: { include: [{ n: 1 }, { n: 1, x: 2 }] }, ${step} }`,
    '--matrix cannot tell them apart',
  ],
];
