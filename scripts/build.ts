// src/cli → dist/cli.js and its chunks: what bin/lockstep runs. Parts are loaded when a command needs them.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

/** What dockerode loads at once for things nobody here asks of it (its own ssh, building images): 100 ms of every run. */
const unused: Plugin = {
  name: 'unused',
  setup: (bundler) => {
    const filter = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs|@balena\/dockerignore)$/;
    bundler.onResolve({ filter }, ({ path }) => ({ path, namespace: 'unused' }));
    // 3 ms of every start, for commands that are programs of their own: none of ours is.
    bundler.onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/commander/') ? { path, namespace: 'unused' } : null,
    );
    bundler.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * Node's own modules by `process.getBuiltinModule`: an `import` of one makes a namespace of all it has, and so loads
 * what its getters load (streams, undici, stdin): 10 to 20 ms of every start.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup: (bundler) => {
    const filter = new RegExp(`^(node:)?(${builtinModules.join('|')})$`);
    bundler.onResolve({ filter }, ({ path, kind }) => ({
      path: path.replace(/^(node:)?/, 'node:'),
      namespace: kind === 'require-call' ? 'builtin-required' : 'builtin-imported',
    }));
    const get = (name: string): string => `process.getBuiltinModule(${JSON.stringify(name)})`;
    bundler.onLoad({ filter, namespace: 'builtin-required' }, ({ path }) => ({
      contents: `module.exports = ${get(path)};`,
    }));
    // The bundler drops the names that nobody imports.
    bundler.onLoad({ filter, namespace: 'builtin-imported' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) =>
        /^[A-Za-z]\w*$/.test(name),
      );
      const exports = names.map(
        (name, at) => `const _${at} = /* @__PURE__ */ (() => all.${name})(); export { _${at} as ${name} };`,
      );
      return { contents: [`const all = ${get(path)};`, 'export { all as default };', ...exports].join('\n') };
    });
  },
};

/**
 * What a run loads later stands on what it has loaded before, and says so here: else the bundler cuts a file for every
 * set of parts that share something, and 40 small files take 6 ms longer to load than half as many. Not so for what
 * other commands load too.
 */
const later: Plugin = {
  name: 'later',
  setup: (bundler) => {
    const run = JSON.stringify(new URL('src/cli/run.ts', root).pathname);
    bundler.onResolve({ filter: /^\./ }, ({ path, kind, importer, resolveDir }) =>
      kind !== 'dynamic-import' || /\/(main|pipeline-file)\.ts$/.test(importer)
        ? null
        : { path: join(resolveDir, path), namespace: 'later' },
    );
    bundler.onLoad({ filter: /./, namespace: 'later' }, ({ path }) => ({
      contents: `import ${run}; export * from ${JSON.stringify(path)};`,
      resolveDir: root.pathname,
    }));
  },
};

const options = {
  absWorkingDir: root.pathname,
  entryPoints: { cli: 'src/cli/cli.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.18',
  define: { LOCKSTEP_VERSION: JSON.stringify(version) },
  plugins: [unused, builtins, later],
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Names all the code that is bundled: what one build keeps between runs, no other takes for its own. */
async function buildId(): Promise<string> {
  const { outputFiles } = await build({ ...options, write: false });
  return createHash('sha256')
    .update(outputFiles.map((file) => file.hash).join())
    .digest('hex');
}

const define = { ...options.define, LOCKSTEP_BUILD: JSON.stringify(await buildId()) };
rmSync(new URL('dist', root), { recursive: true, force: true });
await build({ ...options, define });
