// A pipeline that uses every feature and prints its secrets in every form: nothing that the product wrote holds one.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { instanceFileName } from '../../src/model/instance-name.ts';
import type { Cli } from '../rig/cli.ts';
import { containersOf, docker, until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { searchFor } from '../rig/value-search.ts';

const values = {
  LITERAL: `lit&eral "quoted" $1 it's/+é`,
  VARIABLE: 'plain-token_0123456789abcdef',
  CONTENT: `-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2\n-----END KEY-----\n`,
  COMMAND: 'from a command, with ünïcode & spaces',
  LISTED: 'first line in the list\nsecond\\line "of" it',
  AMBIENT: '9Uu+/=kL0pQ7rT3vX5zA8bC1dE4fG6hJ',
};
/** Nobody declares these. */
const undeclared = { PROXY: 'pr0xy pass/word', REMOTE: 'r3mote-passw0rd-0123' };
/** No secret, and in every place that a log or a file of a job comes to: what does not find it would find no secret either. */
const control = 'printed all of them';
const all = '[LITERAL, VARIABLE, CONTENT, COMMAND, LISTED, AMBIENT, NOWHERE]';

/** Prints the named secrets in all forms, each form in small writes, on both streams. */
const printer = `
const { execFileSync } = require('node:child_process');
const { readFileSync, writeSync } = require('node:fs');
const broken = (text, width, end) => text.replace(new RegExp('.{' + width + '}', 'g'), '$&' + end);
const forms = (value) => [
  value, ...value.split('\\n'),
  ...['', 'a', 'ab'].flatMap((before) => ['base64', 'base64url'].map((as) => Buffer.from(before + value).toString(as)))
    .flatMap((text) => [text, broken(text, 19, '\\n'), broken(text, 64, '\\r\\n')]),
  encodeURIComponent(value), encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase()),
  new URLSearchParams({ value }).toString(), JSON.stringify(value), JSON.stringify({ value }),
  ...['printf "%q" "$V"', 'echo "\${V@Q}"', 'export -p', 'declare -p V', 'set -x; : "$V"'].map((script) =>
    execFileSync('bash', ['-c', '{ ' + script + '; } 2>&1'], { env: { ...process.env, V: value }, encoding: 'utf8' })),
];
for (const name of process.argv.slice(2)) {
  const value = process.env[name] ?? readFileSync(process.env[name + '_FILE'], 'utf8');
  for (const form of forms(value))
    for (const stream of [1, 2]) {
      for (const piece of (form + '\\n').match(/[^]{1,7}/g)) writeSync(stream, piece);
    }
}
console.log('${control}');
`;

const pipeline = `version: 1
name: everything
params: { hold: { type: boolean, default: false } }
secrets:
  LITERAL: {}
  VARIABLE: {}
  CONTENT: { file: true }
  COMMAND: {}
  LISTED: {}
  AMBIENT: {}
  NOWHERE: { required: false }
caches: { tools: { path: /tools } }
defaults: { image: "busybox:latest" }
jobs:
  print:
    image: node:24-bookworm-slim
    matrix: { n: [1, 2] }
    secrets: ${all}
    env: { PUBLIC: "\${{ matrix.n }}" }
    steps:
      - { run: node printer.cjs LITERAL VARIABLE CONTENT, name: print some }
      - { run: 'node printer.cjs COMMAND LISTED AMBIENT; exit 3', retry: 1, allow-failure: true }
      - id: told
        run: |
          echo "number=$PUBLIC" >> "$LOCKSTEP_OUTPUT"
          echo '# fine' >> "$LOCKSTEP_SUMMARY"
          mkdir out && echo fine > out/file
          echo '<testsuite name="s"><testcase name="t"><failure message="no"/></testcase></testsuite>' > r.xml
    finally: [node printer.cjs AMBIENT]
    outputs: { number: "\${{ steps.told.outputs.number }}" }
    artifacts: { out: out }
    reports: { junit: r.xml }
  by-step:
    image: node:24-bookworm-slim
    user: node
    needs: [print]
    env: { NUMBERS: "\${{ toJSON(needs.print.outputs.number) }}" }
    steps:
      - { run: node printer.cjs VARIABLE CONTENT, secrets: [VARIABLE, CONTENT] }
      - 'test -z "\${VARIABLE-}" && test ! -e /run/secrets/CONTENT'
    finally: [{ run: node printer.cjs COMMAND, secrets: [COMMAND] }]
  snapshots:
    caches: [tools]
    secrets: [VARIABLE]
    steps:
      - { name: clean, inputs: [], run: 'echo "$VARIABLE" > /dev/shm/used; echo tool > /tools/tool; head -c 100000 /dev/urandom > /root/kept; echo ${control} | tee -a /root/kept; sleep 2' }
      - { name: leaves, inputs: [], run: 'echo "$VARIABLE" > /root/left; sleep 2' }
      - echo "$VARIABLE"
  served:
    if: params.hold
    secrets: ${all}
    services:
      db:
        image: busybox:latest
        secrets: [VARIABLE, LISTED]
        command: [sh, -c, 'set -x; echo "$VARIABLE $LISTED"; exec sleep 1000']
        ready: { run: 'true' }
    steps: [{ name: held, run: 'echo "now held"; until [ -e /tmp/go ]; do sleep 0.1; done; echo "$LITERAL"' }]
  down:
    services:
      db:
        image: busybox:latest
        secrets: [LITERAL, VARIABLE, LISTED]
        command: [sh, -c, 'set -x; echo "$LITERAL"; printf "%s" "a$LITERAL" | base64; export -p; echo "$LISTED" >&2; exit 3']
        ready: { run: 'false' }
    steps: [echo no]
  checkout: { git: true, reuse: false, steps: ['cat .git/config; env; echo "$HTTPS_PROXY" | base64'] }
  fails: { image: node:24-bookworm-slim, secrets: [COMMAND, LISTED], steps: ['node printer.cjs COMMAND LISTED; exit 7'] }
  leaves-artifact: { secrets: [COMMAND], steps: ['mkdir out; echo fine > out/a; echo "$COMMAND" > out/b'], artifacts: { out: out } }
  leaves-output: { secrets: [AMBIENT], steps: ['echo "value=$AMBIENT" >> "$LOCKSTEP_OUTPUT"'] }
  leaves-summary: { secrets: [LISTED], steps: ['echo "# $LISTED" >> "$LOCKSTEP_SUMMARY"'] }
  leaves-report: { secrets: [VARIABLE], steps: ['echo "<testsuite name=\\"s\\"><testcase name=\\"$VARIABLE\\"/></testsuite>" > r.xml; exit 1'], reports: { junit: r.xml } }
`;

const layOut = (keys: Project): Project => {
  const project = new Project({
    'lockstep.yml': pipeline,
    'printer.cjs': printer,
    '.lockstep/secrets.env': `LISTED="${values.LISTED.replace(/[\\"]/g, '\\$&').replace('\n', '\\n')}"\n`,
  });
  project.sh('chmod 600 .lockstep/secrets.env');
  project.sh('git init -q . && git add lockstep.yml && git -c user.name=a -c user.email=a@b commit -qm a');
  project.sh(`git remote add origin https://someone:${undeclared.REMOTE}@git.invalid/o/r.git`);
  keys.write({ key: values.CONTENT, 'for command': values.COMMAND });
  return project;
};

test('the search finds what is planted, in each form and place', async () => {
  using project = new Project();
  const search = searchFor({ ONE: values.LITERAL, MANY: values.LISTED });
  const [first = '', second = ''] = values.LISTED.split('\n');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const planted: Record<string, string | Uint8Array> = {
    raw: `x${values.LITERAL}y`,
    line: second,
    json: JSON.stringify({ a: { b: values.LITERAL } }),
    percent: `?q=${encodeURIComponent(values.LITERAL)}&`,
    shell: `export A='${values.LITERAL.replaceAll("'", "'\\''")}'`,
    ...Object.fromEntries(
      ['', 'a', 'ab'].map((before) => [`base64 ${before}`, base64(`${before}${values.LITERAL}`)]),
    ),
    url: Buffer.from(`ab${values.LISTED}`).toString('base64url'),
    wrapped: base64(`ab${values.LITERAL}`).replace(/.{16}/g, '$&\n'),
    zstd: Buffer.concat([Buffer.from('head'), zstdCompressSync(`x${first}`), Buffer.from('tail')]),
    'zstd behind zstd': Buffer.concat([zstdCompressSync('nothing'), zstdCompressSync(values.LITERAL)]),
    gzip: gzipSync(values.LITERAL),
    'base64 of binary': base64(`\0\x01frames ${first} more`),
    [`name ${first}`]: '',
  };
  for (const [name, content] of Object.entries(planted)) writeFileSync(join(project.path, name), content);
  project.write({ innocent: 'first line, second line, it is' });
  project.sh(`ln -s '${first}' link`);
  const found = (await search.folder(project.path)).join('\n');
  expect(
    [...Object.keys(planted), 'link'].filter((name) => !found.includes(join(project.path, name))),
  ).toEqual([]);
  expect(found).not.toContain('innocent');
});

test('nothing that a run writes holds a secret', async () => {
  using keys = new Project();
  using project = layOut(keys);
  const search = searchFor({ ...values, ...undeclared, CONTROL: control });
  const found: string[] = [];
  const look = async (where: string, content: Uint8Array | string): Promise<void> => {
    found.push(...(await search.bytes(where, content)));
  };
  const kept = join(keys.path, 'kept');
  const words = [
    ...['--secret', `LITERAL=${values.LITERAL}`, '--secret', 'VARIABLE=env:GIVEN'],
    ...[
      '--secret',
      `CONTENT=file:${keys.path}/key`,
      '--secret',
      `COMMAND=cmd:cat '${keys.path}/for command'`,
    ],
  ];
  const environment = {
    ...{ GIVEN: values.VARIABLE, LOCKSTEP_SECRET_AMBIENT: values.AMBIENT },
    HTTPS_PROXY: `http://someone:${encodeURIComponent(undeclared.PROXY)}@proxy.invalid:3128`,
  };
  const command = async (...args: string[]): Promise<Awaited<Cli['end']>> => {
    const end = await project.start(args, environment).end;
    await look(args.join(' '), end.output);
    return end;
  };

  // Held in the middle of a step, beside a service.
  const held = project.start(
    [
      'run',
      '--parallel',
      '4',
      '--param',
      'hold=true',
      '--cache',
      kept,
      '--result',
      join(keys.path, 'result'),
      ...words,
    ],
    environment,
  );
  await held.printed(/served +\| now held/);
  const run = project.read('.lockstep/last').trim();
  const job = docker(
    'ps',
    '-q',
    '--filter',
    `label=dev.lockstep.run=${run}`,
    '--filter',
    'label=dev.lockstep.job=served',
  );
  const containers = containersOf(run);
  expect(containers.length).toBeGreaterThan(1);
  for (const id of containers) {
    const inspected = inspectOrGone(id);
    await look(`container ${id}`, JSON.stringify(inspected));
    for (const exec of inspected?.ExecIDs ?? [])
      await look(`exec ${exec}`, await askEngine(`/exec/${exec}/json`));
  }
  expect(await askEngine(`/exec/${inspectOrGone(job)?.ExecIDs?.[0] ?? 'none'}/json`)).toContain(
    '"ProcessConfig"',
  );
  const { LITERAL: onCommandLine, ...others } = values;
  for (const [pid, line] of commandLines())
    if (!line.includes(onCommandLine))
      found.push(...(await searchFor(others).bytes(`command line of ${pid}`, line)));
  expect(docker('volume', 'ls', '-q', '--filter', `label=dev.lockstep.run=${run}`)).toBe('');
  docker('exec', job, 'touch', '/tmp/go');
  const first = await held.end;
  await look('run', first.output);
  expect(first.code, first.output).toBe(1);
  expect(statuses(project)).toEqual({
    ...{
      'print[n=1]': 'success',
      'print[n=2]': 'success',
      'by-step': 'success',
      snapshots: 'success',
      served: 'success',
    },
    checkout: 'success',
    ...{ down: 'failure service-failed', fails: 'failure step-failed' },
    ...Object.fromEntries(
      ['artifact', 'output', 'summary'].map((what) => [`leaves-${what}`, 'failure secret-in-artifact']),
    ),
    'leaves-report': 'failure step-failed',
  });
  expect(first.output.split('\n').filter((line) => line.includes('[secret-in-snapshot]'))).toEqual([
    expect.stringMatching(/step 'leaves' left the secret VARIABLE in \/?root\/left, at byte 0/),
  ]);
  const { folder } = project.lastRun();
  for (const log of [instanceFileName('print[n=1]'), 'by-step', 'fails'])
    expect(project.read(join(folder, 'logs', `${log}.log`))).toContain(control);

  // Again, from what that left; then all anew.
  const reused = await command('run', '--json', ...words);
  expect(project.lastRun().times.jobs['by-step']?.reused).toBe('all');
  expect(reused.stdout).toContain('"type":"run-finished"');
  await command('run', '--no-reuse', ...words);
  await command('run', ...words.slice(2), '--secret', 'LITERAL=quite-another-one');
  for (const args of [['plan'], ['plan', '--json'], ['explain', 'by-step'], ['explain', 'snapshots']])
    await command(...args, ...(args[0] === 'plan' ? words : []));

  found.push(...(await search.folder(join(project.path, '.lockstep'), ['secrets.env'])));
  found.push(...(await search.folder(project.cache)), ...(await search.folder(kept)));
  await look('result', keys.read('result'));
  const store = readFileSync(join(project.cache, 'lockstep/v1/store-id'), 'utf8').trim();
  const snapshots = docker(
    'images',
    '-aq',
    '--no-trunc',
    '--filter',
    `label=dev.lockstep.store=${store}`,
  ).split('\n');
  for (const id of new Set(snapshots)) {
    await look(`image ${id}`, docker('image', 'inspect', id));
    await look(`history of ${id}`, docker('history', '--no-trunc', id));
    for (const layer of layersOver(['busybox:latest', 'node:24-bookworm-slim'], id, keys.path))
      await look(`a layer of ${id}`, layer);
  }
  const isControl = (hit: string): boolean => hit.startsWith('CONTROL ');
  const seen = found.filter(isControl).join('\n');
  for (const place of ['in run', 'in run --json', project.cache, kept, '.lockstep/runs', 'a layer of'])
    expect(seen).toContain(place);
  expect([...new Set(found)].filter((hit) => !isControl(hit))).toEqual([]);
});

test('a run that is killed in the middle of a form leaves none of it', async () => {
  using keys = new Project();
  using project = layOut(keys);
  project.write({
    'lockstep.yml': `version: 1
secrets: [VARIABLE]
jobs:
  a: { image: busybox:latest, secrets: [VARIABLE], steps: ['echo "all $VARIABLE"; printf "part %s" "\${VARIABLE%??}"; echo half >&2; sleep 1000'] }
`,
  });
  const cli = project.start(['run'], { LOCKSTEP_SECRET_VARIABLE: values.VARIABLE });
  await cli.printed(/half/);
  const log = join('.lockstep/runs', project.read('.lockstep/last').trim(), 'logs/a.log');
  // What cannot be the beginning of a secret is there at once, with no end of the line.
  await until(
    'the log has all but what is held back',
    () => existsSync(join(project.path, log)) && project.read(log).includes('part '),
  );
  cli.child.kill('SIGKILL');
  await cli.end;
  expect(project.read(log).replace('half\n', '')).toBe('all ***\npart ');
  const search = searchFor({ VARIABLE: values.VARIABLE.slice(0, -2) });
  expect([
    ...(await search.folder(join(project.path, '.lockstep'), ['secrets.env'])),
    ...(await search.folder(project.cache)),
  ]).toEqual([]);
});

test('events tell where the masked bytes of each stream lie in the log', async () => {
  using project = new Project({
    'lockstep.yml': `version: 1
secrets: [VARIABLE]
jobs:
  a: { image: busybox:latest, secrets: [VARIABLE], steps: ['for i in 1 2 3; do printf "out $VARIABLE"; printf "err $i $VARIABLE" >&2; printf "%s\\n" "$VARIABLE$VARIABLE$i"; done', 'echo "$VARIABLE"'] }
`,
  });
  const { code, output } = await project.start(['run'], { LOCKSTEP_SECRET_VARIABLE: values.VARIABLE }).end;
  expect(code, output).toBe(0);
  const { folder } = project.lastRun();
  const log = readFileSync(join(project.path, folder, 'logs/a.log'));
  const events = project
    .read(join(folder, 'events.jsonl'))
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as { type: string; step: number; stream: string; offset: number; bytes: number },
    )
    .filter(({ type }) => type === 'log');
  const told = (step: number, stream: string): string =>
    events
      .filter((event) => event.step === step && event.stream === stream)
      .map(({ offset, bytes }) => log.subarray(offset, offset + bytes).toString())
      .join('');
  expect(told(0, 'stdout')).toBe([1, 2, 3].map((i) => `out ***${i}\n`).join(''));
  expect(told(0, 'stderr')).toBe('err 1 ***err 2 ***err 3 ***');
  expect(told(1, 'stdout')).toBe('***\n');
  expect(events.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(log.length);
});

/** What a snapshot adds to the one of these images that it stands on: tars. */
function layersOver(images: readonly string[], id: string, folder: string): Buffer[] {
  const layersOf = (image: string): string[] =>
    JSON.parse(docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', image)) as string[];
  const own = layersOf(id);
  const below = images.map(layersOf).find((layers) => layers.every((layer, at) => layer === own[at])) ?? [];
  const saved = join(folder, 'saved.tar');
  docker('save', '-o', saved, id);
  const read = (path: string): Buffer => execFileSync('tar', ['xOf', saved, path], { maxBuffer: 1 << 30 });
  const [{ Layers: layers } = { Layers: [] }] = JSON.parse(read('manifest.json').toString()) as {
    Layers: string[];
  }[];
  expect(layers).toHaveLength(own.length);
  return layers.slice(below.length).map(read);
}

interface Inspected {
  readonly ExecIDs: readonly string[] | null;
}

/** Null: it ended meanwhile. */
function inspectOrGone(id: string): Inspected | null {
  try {
    return (JSON.parse(docker('inspect', id)) as Inspected[])[0] ?? null;
  } catch {
    return null;
  }
}

/** The engine's own answer: its command line does not show what was exec'd. */
const askEngine = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ socketPath: '/var/run/docker.sock', path }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => (text += chunk))
        .on('end', () => resolve(text));
    })
      .on('error', reject)
      .end();
  });

/** Of all processes of this machine, those in containers too. */
const commandLines = (): [pid: string, line: string][] =>
  readdirSync('/proc').flatMap((pid): [string, string][] => {
    try {
      return /^\d+$/.test(pid) ? [[pid, readFileSync(`/proc/${pid}/cmdline`, 'utf8')]] : [];
    } catch {
      return [];
    }
  });

const statuses = (project: Project): Record<string, string> =>
  Object.fromEntries(
    Object.entries(project.lastRun().result.jobs).map(([name, { status, reason }]) => [
      name,
      [status, reason].filter(Boolean).join(' '),
    ]),
  );
