// A step → the text that our shells in the container are fed. Pure; plain POSIX sh, for dash, busybox and bash alike.
import type { StepSpec } from '../../src/contract/sandbox.ts';
import { markStart } from './log-stream.ts';
import { printFiles, printNetlink, printSockets } from './network-look.ts';

/** A tmpfs, so in no snapshot. Only root writes names into it: a step of another user cannot swap our files. */
export const ourFolder = '/run/lockstep';
export const scriptPath = `${ourFolder}/script`;
export const outputPath = `${ourFolder}/output`;
export const summaryPath = `${ourFolder}/summary`;
export const stepsPath = `${ourFolder}/steps`;
export const caPath = `${ourFolder}/ca.pem`;

export const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Shell text: prints a mark for each of the words, in one write, which no other process's bytes come into. */
const print = (marker: string, words: string): string =>
  `printf '${marker.replace(markStart, String.raw`\036`)} %s\\n' ${words}`;

/** A command that prints one mark. `text` is shell text: words that hold no quotes. */
const mark = (marker: string, text: string): string => print(marker, `"${text}"`);

/** In the main shell: a mark of its answer. They are gathered, since every write costs the engine a wake-up. */
export const say = (text: string): string => `set -- "$@" "${text}"`;

const sayFile = (marker: string, text: string, path: string): string =>
  `if has_bytes ${path}; then ${say(text)}; ${print(marker, '"$@"')}; set --; cat ${path}; fi`;

/** Any text into a file by builtins alone; a NUL can be written by printf only as an escape. */
export const writeFile = (path: string, text: string): string =>
  `{ ${text
    .split('\0')
    .map((part) => `printf %s ${quote(part)}`)
    .join(String.raw` && printf '\000' && `)}; } >${path}`;

export interface Setup {
  readonly user: string;
  readonly workdir: string;
  /** Absolute paths of the caches' mounts. */
  readonly caches: readonly string[];
  /** It holds what steps left, whose owners and modes are theirs to decide. */
  readonly fromSnapshot: boolean;
  /** That others may join after it, or that it has joined; null: one that is nobody else's. */
  readonly network: 'shareable' | 'joined' | null;
}

/** Answers `ids <uid> <gid>`, or `no-user`, `no-tool <name>`, `no-workdir`; before it what is printed of the network. */
export const setupRequest = (
  { user, workdir, caches, fromSnapshot, network }: Setup,
  marker: string,
): string => `
note_host_files; compare_accounts
${network === null ? '' : `${print(marker, 'files')}; ${printFiles}`}
${network === 'joined' ? `${print(marker, 'sockets')}; ${printSockets}; ${print(marker, 'netlink')}; ${printNetlink}` : ''}
${fromSnapshot ? '' : `for _tool in cat chown mkdir rm; do command -v $_tool >/dev/null || ${say('no-tool $_tool')}; done`}
if ids ${userWords(user)}; then
  ${fromSnapshot ? '' : `${ownWorkdir(quote(workdir))} || ${say('no-workdir')}`}
  ${fromSnapshot ? '' : caches.map(ownFoldersAbove).join('\n  ')}
  ${caches.map(ownCache).join('\n  ')}
  ${say('ids $_u $_g')}
else
  ${say('no-user')}
fi
`;

const ownWorkdir = (workdir: string): string =>
  `{ [ -d ${workdir} ] || mkdir -p ${workdir}; } &&
    { { [ $_u = 0 ] && [ $_g = 0 ] && [ -O ${workdir} ]; } || chown $_u:$_g ${workdir}; }`;

/** What the engine makes is root's. A cache that is empty still is given to user $_u:$_g. */
const ownCache = (path: string): string => `is_empty ${quote(path)} && give ${quote(path)}`;

/** So are folders that were made on the way to a mount in a folder of the user's. */
const ownFoldersAbove = (path: string): string => {
  const folders = path.split('/').filter((name) => name !== '');
  const above = folders.slice(0, -1).map((_, at) => `/${folders.slice(0, at + 1).join('/')}`);
  return above
    .slice(1)
    .map((folder, at) => `[ -O ${quote(above[at] ?? '')} ] || give ${quote(folder)}`)
    .join('; ');
};

/** Writes the bundle of certificate authorities, for all to read. */
export const caRequest = (ca: string): string => `umask 222; ${writeFile(caPath, ca)}; umask 022`;

/** What the engine made of its files meanwhile is not a step's change; the shell beside must know, where there is one. */
export const noteHostFilesRequest = (): string => 'note_host_files; echo note_host_files >&5';

/** Answers `ids <uid> <gid>` or `no-user`. */
export const idsRequest = (user: string): string =>
  `if ids ${userWords(user)}; then ${say('ids $_u $_g')}; else ${say('no-user')}; fi`;

const userWords = (user: string): string => {
  const colon = user.indexOf(':');
  return colon < 0 ? quote(user) : `${quote(user.slice(0, colon))} ${quote(user.slice(colon + 1))}`;
};

/**
 * Starts a shell beside the main one that reads from a pipe of its own; its keeper tells, under the marker `keeper`, how
 * it ended. Until its first step it has nothing to note and no functions of ours. Answers `started`, or nothing.
 */
export const startShellRequest = (keeper: string): string =>
  `start_shell && printf '%s\\n_main=%s\\nnote_host_files() { true; }\\n' ${quote(keeper)} $$ >&5 && ${say('started')}`;

export const feedShellRequest = (text: string): string => `printf %s ${quote(text)} >&5`;

/** It may be killed before it has taken its pipe's name away. */
export const closeShellRequest = (): string =>
  `exec 5>&-; signal KILL; if [ -p ${stepsPath} ]; then rm -f ${stepsPath}; fi`;

/** Lays out a step's files. Answers `ready`, or nothing when the folder is full. */
export const beginRequest = (owner: { uid: number; gid: number }, script: string): string =>
  `${layOut(owner, script)} && ${say('ready')}`;

const layOut = (owner: { uid: number; gid: number }, script: string): string =>
  `begin ${owner.uid}:${owner.gid}; ${writeFile(scriptPath, script)}`;

/** Signals what is not ours. Answers `others <count>`. */
export const signalRequest = (signal: 'TERM' | 'KILL', spare: readonly number[]): string =>
  `signal ${[signal, ...spare].join(' ')}; ${say('others $_n')}`;

/** As long as there was nobody to kill, what comes next is of use: one answer for both. */
export const clearRequest = (spare: readonly number[], next: string): string =>
  `${signalRequest('KILL', spare)}; if [ $_n = 0 ]; then true; ${next}
fi`;

/** Ends everything but init and the main shell, in one call that no fork escapes. */
export const killAllRequest = (): string => 'kill -9 -1';

/**
 * After a step: answers `outputs`, the bytes, `summary`, the bytes, where there are any, `memory-kills <count or nothing>`,
 * `host-files-changed <1 or nothing>`, `accounts-changed <1 or nothing>`.
 */
export const resultRequest = (marker: string): string =>
  `empty /dev/shm; memory_kills; compare_host_files; compare_accounts
${sayFile(marker, 'outputs', outputPath)}
${sayFile(marker, 'summary', summaryPath)}
${say('memory-kills $_o')}
${say('host-files-changed $_edited')}
${say('accounts-changed $_other')}`;

/** Ends every request, so that an answer always has an end. */
export const endOfAnswer = (marker: string): string => `${print(marker, '"$@" end')}; set --\n`;

/**
 * Fed to a step shell first. Its own complaints ("Killed") go nowhere; fd 3 is the step's stderr, `$_setsid` is setsid if
 * the image has it, `$_own` is `1` if a step can be given its own open of our pipes: a program may make its stdout
 * non-blocking, and that would stay so for all who share the open file. Answers `shell <pid> <parent's pid> <reusable 0|1>`.
 */
export const shellPrelude = (marker: string): string => `
exec 3>&2 2>/dev/null
_setsid=$(command -v setsid) _own= _again=0
if ( true >/proc/self/fd/1 && true >/proc/self/fd/3 ); then _own=1; fi
if [ "$_setsid" ] && [ "$_own" ]; then _again=1; fi
${mark(marker, 'shell $$ $PPID $_again')}
`;

/** Shells read or set these themselves: `export` would fail, or not give the value that was asked for. */
const shellsOwn = new Set(
  (
    '_ BASHOPTS BASH_VERSINFO COLUMNS DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD HISTSIZE LINENO ' +
    'LINES OLDPWD OPTARG OPTIND PPID PWD RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID'
  ).split(' '),
);
export const exportable = (name: string): boolean =>
  /^[A-Za-z_]\w*$/.test(name) && !name.startsWith('BASH_') && !shellsOwn.has(name);

/**
 * One step, run in a session of its own. `env` is all the step gets beyond the image's. On both streams `begin` comes
 * before the step's bytes; then on stdout `exit <code>` or `no-workdir`, on stderr `end`. When memory runs
 * out the kernel takes a process of the step, never one of our shells.
 */
export function stepText(
  marker: string,
  step: Pick<StepSpec, 'shell' | 'workdir'>,
  env: Readonly<Record<string, string>>,
): string {
  return `
${mark(marker, 'begin')}
${mark(marker, 'begin')} >&3
${runText(marker, step, env)}
${print(marker, '"exit $?" end')}
${mark(marker, 'end')} >&3
`;
}

/**
 * All of a step for root's shell: laid out, run, its left-overs killed, looked at. On stdout `begin` comes before the
 * step's bytes; then the answer of `resultRequest`, with `exit <code>` (`unwritable`: not laid out) and `others <count>`
 * before it and nothing more of it where there were any; on stderr `end`.
 */
export const wholeStepText = (
  marker: string,
  step: Pick<StepSpec, 'script' | 'shell' | 'workdir'>,
  env: Readonly<Record<string, string>>,
): string => `
_code=unwritable
if ${layOut({ uid: 0, gid: 0 }, step.script)}; then
${mark(marker, 'begin')}
${runText(marker, step, env)}
_code=$?
fi
signal KILL $_main $PPID
${say('exit $_code')}
${say('others $_n')}
if [ $_n = 0 ]; then
${resultRequest(marker)}
fi
${endOfAnswer(marker)}${mark(marker, 'end')} >&3
`;

function runText(
  marker: string,
  step: Pick<StepSpec, 'shell' | 'workdir'>,
  env: Readonly<Record<string, string>>,
): string {
  const names = Object.keys(env);
  const odd = names.filter((name) => !exportable(name));
  const words = [
    ...(odd.length > 0 ? ['env', '--', ...odd.map((name) => `${name}=${env[name] ?? ''}`)] : []),
    ...step.shell,
  ];
  const [program = 'sh'] = step.shell;
  return `(
cd ${quote(step.workdir)} 2>/dev/null || { ${mark(marker, 'no-workdir')}; exit 125; }
umask 022
set -- "$_setsid" "$_own"
{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
unset OLDPWD SHLVL
${names
  .filter(exportable)
  .map((name) => `export ${name}=${quote(env[name] ?? '')}`)
  .join('\n')}
if [ "$2" ]; then exec >/proc/self/fd/1 2>/proc/self/fd/3 3>&-; else exec 2>&3 3>&-; fi
command -v ${quote(program)} >/dev/null || { printf 'lockstep: %s: not found in the image\\n' ${quote(program)} >&2; exit 127; }
exec \${1:+"$1"} ${[...words, scriptPath].map(quote).join(' ')}
) </dev/null`;
}
