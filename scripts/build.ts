// src/cli → dist/cli.js and its chunks: what bin/lockstep runs. Parts are loaded when a command needs them.
import { readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

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
  banner: {
    js: "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);",
  },
  external: ['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'],
  logLevel: 'warning',
});
