// The one direction of imports (ARCHITECTURE.md): who may import whom, and no cycle.
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import only: ${allowed.join(', ')}`,
  from: { path: `^${from}` },
  to: {
    path: '^(src|engine|providers|test|bench|scripts)/',
    pathNot: [from, ...allowed].map((folder) => `^${folder}`),
  },
});

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    only('model', 'src/model/', []),
    only('contract', 'src/contract/', ['src/model/']),
    only('pipeline', 'src/pipeline/', ['src/model/', 'src/contract/']),
    only('report', 'src/report/', ['src/model/', 'src/contract/']),
    only('engine', 'engine/', ['src/model/', 'src/contract/']),
    only('local', 'providers/local/', ['src/model/', 'src/contract/', 'providers/shared/']),
    only('github', 'providers/github/', ['src/model/', 'src/contract/', 'providers/shared/']),
    only('gitlab', 'providers/gitlab/', ['src/model/', 'src/contract/', 'providers/shared/']),
    only('jenkins', 'providers/jenkins/', ['src/model/', 'src/contract/', 'providers/shared/']),
    only('shared', 'providers/shared/', ['src/model/', 'src/contract/']),
    only('cli', 'src/cli/', [
      'src/compose/',
      'src/model/',
      'src/report/',
      'providers/(registry|generators)\\.ts',
    ]),
    {
      name: 'docker-stays-in-its-folder',
      severity: 'error',
      from: { pathNot: '^engine/docker/' },
      to: { path: 'node_modules/(dockerode|docker-modem)/' },
    },
    {
      name: 'github-sdk-stays-in-its-folder',
      severity: 'error',
      from: { pathNot: '^(providers/github|src/action)/' },
      to: { path: 'node_modules/@actions/(artifact|cache|core)/' },
    },
    {
      name: 'gitlab-sdk-stays-in-its-folder',
      severity: 'error',
      from: { pathNot: '^providers/gitlab/' },
      to: { path: 'node_modules/@gitbeaker/' },
    },
    {
      name: 'model-is-pure',
      severity: 'error',
      from: { path: '^src/model/' },
      to: { dependencyTypes: ['npm'], pathNot: 'node_modules/zod/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
