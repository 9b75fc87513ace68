// A throw-away folder with a pipeline in it, as a user would have one.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  mkdirSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { scopeStoreId } from '../../src/compose/reuse.ts';
import { scopeFolders } from '../../src/compose/trust-scopes.ts';
import { parseRunInputs, parseRunResult, parseRunTimes } from '../../src/model/run-files.ts';
import { cacheHome, nowhere, runCli, startCli, type Cli, type CliEnd } from './cli.ts';

export class Project implements Disposable {
  readonly #started: Cli[] = [];
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-test-')));

  /** `XDG_CACHE_HOME` of the runs that are started here. */
  readonly cache = cacheHome(this.path);

  /** For what starts the launcher by itself: records of its own, not this user's. */
  readonly environment = { ...process.env, ...nowhere, XDG_CACHE_HOME: this.cache };

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.write(files);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  /** Runs a shell script in the folder. */
  sh(script: string): string {
    return execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
      ...{ cwd: this.path, encoding: 'utf8', env: this.environment },
    });
  }

  /** A repository with all files committed. */
  commit(): void {
    this.sh(
      'git init -q -b main && git add -A && git -c user.name=t -c user.email=t@example.com commit -q -m all',
    );
  }

  run(...args: string[]): Promise<CliEnd> {
    return runCli(args, { cwd: this.path });
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Cli {
    const cli = startCli(args, { cwd: this.path, env });
    this.#started.push(cli);
    return cli;
  }

  /** The newest run folder and its documents. */
  lastRun() {
    const folder = join('.lockstep', 'runs', this.read('.lockstep/last').trim());
    return {
      folder,
      result: parseRunResult(this.read(join(folder, 'result.json'))),
      inputs: parseRunInputs(this.read(join(folder, 'inputs.json'))),
      times: parseRunTimes(this.read(join(folder, 'run.json'))),
    };
  }

  /** A test that failed half way leaves no run behind. */
  [Symbol.dispose](): void {
    for (const { child } of this.#started) if (child.exitCode === null) child.kill('SIGKILL');
    removeSnapshots(this.cache);
    for (const folder of [this.path, this.cache]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Ids of the stores that lie there, of the machine and of each scope of trust. */
export function storeIds(cache: string): string[] {
  const base = join(cache, 'lockstep', 'v1');
  if (!existsSync(join(base, 'store-id'))) return [];
  const machine = readFileSync(join(base, 'store-id'), 'utf8').trim();
  return [...scopeFolders(base).map(({ scope }) => scopeStoreId(machine, scope)), machine];
}

/** Images and volumes of the stores that lie there. */
export const removeSnapshots = (cache: string): void => storeIds(cache).forEach(removeOfStore);

function removeOfStore(id: string): void {
  const filter = `label=dev.lockstep.store=${id}`;
  const script = `docker image prune -af --filter '${filter}'; docker volume ls -q --filter '${filter}' | xargs -r docker volume rm`;
  execFileSync('sh', ['-c', `{ ${script}; } >/dev/null 2>&1 || true`]);
}
