// A program that tests check us against → its path, or what this machine lacks for it.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** `missing`: a sentence for people. */
export type Tool = { readonly program: string } | { readonly missing: string };

const installer = fileURLToPath(new URL('../../scripts/ensure-tools', import.meta.url));
const needsMore = 3;

/** Rejects when its installation failed: nothing is skipped for that. */
export async function findTool(name: string): Promise<Tool> {
  try {
    return { program: (await promisify(execFile)(installer, [name])).stdout.trim() };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: unknown };
    if (code !== needsMore) throw error;
    return {
      missing:
        String(stderr)
          .trim()
          .split('\n')
          .at(-1)
          ?.replace(/^tools: /, '') ?? '',
    };
  }
}
