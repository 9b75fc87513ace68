// `lockstep lock`: the digests of all images into the lock file, or, with --check, whether they are there.
import { checkLock, lockImages, lookAtLock, type LockCheck, type Locked } from '../compose/lock.ts';
import { lockName } from '../compose/lock-file.ts';
import { findPipelineFile, type PipelineFile } from '../compose/pipeline-file.ts';
import { formatCount } from '../report/quantity.ts';
import { showDiagnostics, showFailure } from './show.ts';

export interface LockCommandOptions {
  readonly file: readonly string[];
  readonly update?: boolean;
  readonly check?: boolean;
  readonly engine?: string;
  readonly json?: boolean;
}

export async function lockCommand(images: readonly string[], options: LockCommandOptions): Promise<number> {
  const files: PipelineFile[] = [];
  for (const named of options.file.length > 0 ? options.file : [undefined]) {
    const file = findPipelineFile(process.cwd(), named);
    if (!file.ok) return showFailure(file.failure);
    files.push(file.value);
  }
  const { update = false, engine } = options;
  const asked = {
    ...(engine !== undefined && { engine }),
    environment: process.env,
    runId: `lock-${process.pid}`,
    images,
    update,
  };
  const found = await lookAtLock(files, asked);
  if (!found.ok) return showFailure(found.failure);
  const { looked, diagnostics, sources } = found.value;
  if (showDiagnostics(diagnostics, sources) || looked === null) return 2;
  if (options.check) {
    const check = await checkLock(looked, asked);
    const inOrder = check.missing.length === 0 && check.unused.length === 0;
    process.stdout.write(options.json ? jsonText({ ok: inOrder, ...check }) : checkText(check));
    return inOrder ? 0 : 1;
  }
  const end = await lockImages(looked, asked);
  if ('failures' in end) return Math.max(...end.failures.map((failure) => showFailure(failure)));
  const { pins, ...locked } = end.locked;
  showDiagnostics(
    locked.unserved.map((image) => ({
      severity: 'warning',
      code: 'image-not-locked',
      message: `no registry serves the image ${image}: it is left out`,
    })),
    sources,
  );
  process.stdout.write(
    options.json ? jsonText({ ...locked, images: Object.fromEntries(pins) }) : lockedText(locked),
  );
  return 0;
}

const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
const listed = (word: string, images: readonly string[]): string =>
  images.map((image) => `${word.padEnd(8)} ${image}\n`).join('');

function checkText({ missing, unused }: LockCheck): string {
  const counts = [
    ...(missing.length > 0 ? [`${formatCount(missing.length, 'image')} missing`] : []),
    ...(unused.length > 0 ? [`${unused.length} unused`] : []),
  ];
  const end = counts.length === 0 ? 'in order' : `${counts.join(', ')}; to put it right: lockstep lock`;
  return `${listed('missing', missing)}${listed('unused', unused)}${lockName}: ${end}\n`;
}

function lockedText({ pinned, updated, dropped, unchanged }: Omit<Locked, 'pins'>): string {
  const counts = [
    `pinned ${formatCount(pinned.length, 'image')}`,
    ...(updated.length > 0 ? [`updated ${updated.length}`] : []),
    ...(dropped.length > 0 ? [`dropped ${dropped.length}`] : []),
    ...(unchanged.length > 0 ? [`${unchanged.length} unchanged`] : []),
  ];
  const lines = listed('pinned', pinned) + listed('updated', updated) + listed('dropped', dropped);
  return `${lines}${lockName}: ${counts.join(', ')}\n`;
}
