// What parsing a file gave → a file of the cache folder, and back: an unchanged file is not parsed again.
import { hash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParsedFile } from '../pipeline/parse.ts';
import type { SourceFile } from '../pipeline/source.ts';
import { makeFolder } from '../../engine/make-folder.ts';

/** For one file as it stands; nothing here fails: what cannot be kept is parsed again. */
export interface ParsedFiles {
  /** Null when there is none, or it is damaged. */
  read(): ParsedFile | null;
  keep(parsed: ParsedFile): void;
}

const mostKept = 50;
/** In UTF-16 units of JSON: a file whose aliases write out to more is parsed each time. */
const largestKept = 4 * 1024 * 1024;

/** `build` stands for all the code that reads a file; what another one kept is not there for it. */
export function parsedFiles(folder: string, build: string, { file, text }: SourceFile): ParsedFiles {
  const name = hash('sha256', JSON.stringify([build, file, text]));
  const path = join(folder, name);
  return {
    read: () => {
      try {
        const kept = readFileSync(path, 'utf8');
        const end = kept.indexOf('\n');
        const json = kept.slice(end + 1);
        return kept.slice(0, end) === hash('sha256', json) ? (JSON.parse(json) as ParsedFile) : null;
      } catch {
        return null;
      }
    },
    keep: (parsed) => {
      const json = JSON.stringify(parsed);
      if (json.length > largestKept) return;
      const draft = join(folder, `${name}.${process.pid}`);
      try {
        makeFolder(folder, 0o700);
        writeFileSync(draft, `${hash('sha256', json)}\n${json}`, { mode: 0o600 });
        renameSync(draft, path);
        removeOldest(folder);
      } catch {
        // E.g. a full disk, a folder of somebody else: the draft is one of those that go with the oldest.
      }
    },
  };
}

/** Drafts of processes that died go with the others. */
function removeOldest(folder: string): void {
  const names = readdirSync(folder);
  if (names.length <= mostKept) return;
  const byAge = names
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of byAge.slice(mostKept)) rmSync(path, { force: true });
}
