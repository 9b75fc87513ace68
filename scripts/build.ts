// src/cli → dist/start.cjs, which bin/lockstep runs, and the parts that it loads when a command needs them.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join, relative } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build, transform, type BuildOptions, type Plugin } from 'esbuild';

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

/** What libraries load at once for things nobody here asks of them: dockerode its own ssh and building images, 100 ms of every run. */
const unused: Plugin = {
  name: 'unused',
  setup: (bundler) => {
    const filter = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs|@balena\/dockerignore)$/;
    bundler.onResolve({ filter }, ({ path }) => ({ path, namespace: 'unused' }));
    // What gitbeaker counts requests with, and ours do not pass.
    bundler.onResolve({ filter: /^(rate-limiter-flexible|picomatch-browser)$/ }, ({ path }) => ({
      ...{ path, namespace: 'unused' },
    }));
    // 3 ms of every start, for commands that are programs of their own: none of ours is.
    bundler.onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/commander/') ? { path, namespace: 'unused' } : null,
    );
    bundler.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** What GitHub's clients load at once and no call of ours gets to: 100 ms of every action. */
const unusedByActions: Plugin = {
  name: 'unused-by-actions',
  setup: (bundler) => {
    // No action runs in a job of GitLab's.
    bundler.onResolve({ filter: /^@gitbeaker\/rest$/ }, ({ path }) => ({ path, namespace: 'unused' }));
    // For a proxy in front of its REST API: caches and artifacts have another way through one.
    bundler.onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'unused' }));
    // For tokens of OpenID Connect.
    bundler.onResolve({ filter: /^@actions\/http-client/ }, ({ importer, path }) =>
      importer.includes('/node_modules/@actions/core/') ? { path, namespace: 'unused' } : null,
    );
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
      // Those three of `http` are getters that load undici, and nobody imports them.
      const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter(
        (name) => /^[A-Za-z]\w*$/.test(name) && !/^(WebSocket|CloseEvent|MessageEvent)$/.test(name),
      );
      const exports = names.map(
        (name, at) => `const _${at} = /* @__PURE__ */ (() => all.${name})(); export { _${at} as ${name} };`,
      );
      return { contents: [`const all = ${get(path)};`, 'export { all as default };', ...exports].join('\n') };
    });
  },
};

/**
 * What is loaded later stands on all that a run loads, and says so here: else the bundler cuts a part for every set of
 * modules that some of them share, and 30 small parts take longer to load than three large ones.
 */
const later: Plugin = {
  name: 'later',
  setup: (bundler) => {
    // Paths from here: names in the bundle are made of them, and are the same wherever it is made.
    bundler.onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) =>
      kind === 'dynamic-import'
        ? { path: relative(root.pathname, join(resolveDir, path)), namespace: 'later' }
        : null,
    );
    bundler.onLoad({ filter: /./, namespace: 'later' }, ({ path }) => ({
      contents: `import './src/cli/run.ts'; export * from ${JSON.stringify(`./${path}`)};`,
      resolveDir: root.pathname,
    }));
  },
};

/** Messages in fifty languages, of which one is spoken here. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup: (bundler) => {
    bundler.onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/zod/') ? { path, namespace: 'unused' } : null,
    );
  },
};

const target = 'node22.18';
const options = {
  absWorkingDir: root.pathname,
  entryPoints: { cli: 'src/cli/cli.ts' },
  outdir: 'dist',
  write: false,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target,
  define: { LOCKSTEP_VERSION: JSON.stringify(version) },
  plugins: [unused, oneLanguage, builtins, later],
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Names all the code that is bundled: what one build keeps between runs, no other takes for its own. */
async function buildId(): Promise<string> {
  const { outputFiles } = await build(options);
  return createHash('sha256')
    .update(outputFiles.map((file) => file.hash).join())
    .digest('hex');
}

/** The module as src/cli/start.ts calls it. */
async function asPart(module: string): Promise<string> {
  // A dynamic import becomes a call too.
  const supported = { 'dynamic-import': false };
  const { code } = await transform(module, {
    format: 'cjs',
    platform: 'node',
    target,
    supported,
    minify: true,
  });
  return `(function(module,exports,require){${code}})`;
}

/** What V8 makes of a part, for this version of it: every function, also those that nobody may call. */
function compile(source: string): Buffer {
  setFlagsFromString('--no-lazy');
  const script = new Script(source);
  // V8 takes it only under the flags that were set when it was written down.
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

const define = { ...options.define, LOCKSTEP_BUILD: JSON.stringify(await buildId()) };
const { outputFiles } = await build({ ...options, define });
const dist = new URL('dist/', root);
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const { path, text } of outputFiles) {
  const part = await asPart(text);
  writeFileSync(new URL(basename(path), dist), part);
  writeFileSync(new URL(`${basename(path)}.code`, dist), compile(part));
}
/** What is CommonJS in a module asks for Node's modules by a name that is made up at run time. */
const banner = {
  js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
};
// Committed: the action runs from the repository as it lies there, without an install. GitHub's clients live in threads.
await build({
  ...options,
  entryPoints: {
    action: 'src/action/action.ts',
    'cache-thread': 'providers/github/cache-thread.ts',
    'artifact-thread': 'providers/github/artifact-thread.ts',
  },
  ...{
    write: true,
    splitting: false,
    define,
    plugins: [unused, unusedByActions, oneLanguage, builtins],
    banner,
  },
});
// Committed as well: the Jenkins library brings the program to its agents, in one piece.
await build({
  ...options,
  entryPoints: { lockstep: 'src/cli/cli.ts' },
  ...{ write: true, outdir: 'templates/jenkins/resources/lockstep', outExtension: { '.js': '.mjs' } },
  ...{ splitting: false, define, plugins: [unused, oneLanguage, builtins], banner },
});
await build({
  ...{ absWorkingDir: root.pathname, entryPoints: ['src/cli/start.ts'], outfile: 'dist/start.cjs' },
  ...{ bundle: true, minify: true, format: 'cjs', platform: 'node', target },
});
