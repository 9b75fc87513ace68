// The machine and the sources that the figures are of.
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';

export const machine = () => ({
  date: new Date().toISOString(),
  commit: output('git', 'describe', '--always', '--dirty', '--abbrev=12'),
  platform: `${process.platform}/${process.arch}`,
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryMB: Math.round(totalmem() / 1e6),
  node: process.version,
  engine: output('docker', 'version', '--format', '{{.Server.Version}}'),
});

function output(program: string, ...words: string[]): string {
  try {
    return execFileSync(program, words, { encoding: 'utf8', cwd: import.meta.dirname, stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}
