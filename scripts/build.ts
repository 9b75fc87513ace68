// src/cli → dist/cli.js and its chunks: what bin/lockstep runs. Parts are loaded when a command needs them.
import { readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { build, type Plugin } from 'esbuild';

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

/** What dockerode loads at once for things nobody here asks of it (its own ssh, building images): 100 ms of every run. */
const unused: Plugin = {
  name: 'unused',
  setup: (bundler) => {
    const filter = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs|@balena\/dockerignore)$/;
    bundler.onResolve({ filter }, ({ path }) => ({ path, namespace: 'unused' }));
    bundler.onLoad({ filter, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
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

rmSync(new URL('dist', root), { recursive: true, force: true });
await build({
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
  plugins: [unused, builtins],
  logLevel: 'warning',
});
