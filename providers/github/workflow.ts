// A plan → the text of a workflow that runs each of its jobs and matrix instances on a machine of its own.
import { Document, isMap, isScalar, visit } from 'yaml';
import type { FanOut } from '../../src/contract/generator.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import { instanceName } from '../../src/model/instance-name.ts';
import type { MatrixValues, PlannedJob } from '../../src/model/plan.ts';
import { secretsUsedBy } from '../../src/model/secret-uses.ts';
import { shellLine } from '../../src/model/shell-words.ts';
import {
  foldersOf,
  isUsualFile,
  machinesOf,
  madeBy,
  namesWithout,
  neededBy,
  onlyWords,
  type Machine,
} from '../shared/machines.ts';
import { yamlText } from '../shared/yaml-text.ts';

export interface WorkflowRequest extends FanOut {
  /** What `uses:` names. */
  readonly action: string;
  readonly events: readonly string[];
  readonly runsOn: readonly string[];
}

/** The commits of their tags; each runs on node24. */
const pinned = {
  checkout: ['actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8', 'v5.0.0'],
  download: ['actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131', 'v7.0.0'],
  upload: ['actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f', 'v6.0.0'],
} as const;

/** GitHub's. Its 256 instances of a matrix are a limit of ours too. */
const limits = { bytes: 500 * 1000, idLength: 100 };
const retentionDays = 7;

/**
 * Where the results of needed jobs lie: never source. The folder ignores itself, so that they make no checkout dirty. A commit
 * may hold a link there that leads elsewhere.
 */
const from = '.lockstep/from';
const unpack = `mkdir -p ${from}
echo '*' > .lockstep/.gitignore
for tar in ${from}/*.tar; do
  [ -e "$tar" ] || continue
  mkdir -p "\${tar%.tar}"
  tar -xf "$tar" -C "\${tar%.tar}"
done
`;
/** A job runs whatever became of the others: Lockstep decides by their results what is skipped. */
const always = '${{ !cancelled() }}';
/** Without one the step before has said why. */
const hasResult = "${{ !cancelled() && steps.lockstep.outputs.result != '' }}";

type Yaml = string | number | boolean | readonly Yaml[] | { readonly [key: string]: Yaml };

/** Failure (`usage`): `workflow-too-large`. */
export function renderWorkflow(request: WorkflowRequest): Outcome<string> {
  const { plan } = request;
  // Ids of GitHub's are legal names of ours, but no longer than 100 and without regard to case.
  const id = namesWithout([], limits.idLength);
  const machines = machinesOf(plan, request.unforeseen, id);
  const last = id('result');
  const jobs = Object.fromEntries([
    ...machines.map((machine) => [machine.id, jobOf(machine, machines, request)] as const),
    [last, mergeOf(machines, request)] as const,
  ]);
  const document = new Document(
    {
      name: plan.pipeline ?? 'Lockstep',
      on: request.events,
      permissions: { contents: 'read' },
      jobs,
    },
    { aliasDuplicateObjects: false },
  );
  document.commentBefore = madeBy(plan, shellLine(request.command));
  for (const { id: key, note } of machines) {
    const node = document.getIn(['jobs', key], true);
    if (note !== null && isMap(node)) node.commentBefore = ` ${note}`;
  }
  nameVersions(document);
  const text = yamlText(document, { lineWidth: 0 });
  return Buffer.byteLength(text) <= limits.bytes
    ? ok(text)
    : fail('usage', 'workflow-too-large', 'the workflow is larger than the 500 KB that GitHub takes', {
        hint: 'generate it for some of the jobs, or make matrices smaller',
      });
}

function jobOf(machine: Machine, machines: readonly Machine[], request: WorkflowRequest): Yaml {
  const { id, job, instances } = machine;
  const needs = neededBy(machine, machines);
  const folder = instances === null ? id : `${id}.\${{ matrix.number }}`;
  const args = [
    ...(needs.length === 0 ? [] : [literal(shellLine(['--no-needs', '--from', ...needs.flatMap(pathsOf)]))]),
    ...(instances === null ? [] : ['${{ matrix.only }}']),
  ];
  return {
    ...(instances !== null ? { name: '${{ matrix.instance }}' } : id !== job.name && { name: job.name }),
    ...(needs.length > 0 && { needs: needs.map((need) => need.id), if: always }),
    'runs-on': runsOn(request),
    ...(instances !== null && {
      strategy: {
        // Of GitHub's own: a cancelled job would leave no result.
        'fail-fast': false,
        ...(job.maxParallel !== null && { 'max-parallel': job.maxParallel }),
        matrix: { include: instances.map((values, at) => instanceOf(job, values, at + 1)) },
      },
    }),
    steps: [
      ...before(needs),
      {
        uses: request.action,
        id: 'lockstep',
        with: {
          ...inputsOf(request),
          jobs: job.name,
          ...(args.length > 0 && { args: args.join(' ') }),
          ...(secretsUsedBy([job]).length > 0 && { secrets: secretsOf(job) }),
        },
      },
      {
        name: 'Pack the result',
        if: hasResult,
        run: `tar -cf ".lockstep/$NAME.tar" -C "$(dirname "$RESULT")" .\n`,
        env: { NAME: folder, RESULT: '${{ steps.lockstep.outputs.result }}' },
      },
      {
        uses: pinned.upload[0],
        if: hasResult,
        with: {
          name: `lockstep ${folder}`,
          path: `.lockstep/${folder}.tar`,
          'include-hidden-files': true,
          'if-no-files-found': 'error',
          'retention-days': retentionDays,
          // When a job runs again.
          overwrite: true,
        },
      },
    ],
  };
}

/** No more than the job uses. One that is not there is null. */
const secretsOf = (job: PlannedJob): string =>
  `{ ${secretsUsedBy([job])
    .map((name) => `"${name}": \${{ toJSON(secrets.${name}) }}`)
    .join(', ')} }`;

const instanceOf = (job: PlannedJob, values: MatrixValues, number: number): Yaml => ({
  instance: literal(instanceName(job.name, values)),
  number,
  only: literal(shellLine(onlyWords(values))),
});

function mergeOf(machines: readonly Machine[], request: WorkflowRequest): Yaml {
  return {
    needs: machines.map(({ id }) => id),
    if: always,
    'runs-on': runsOn(request),
    steps: [
      ...before(machines),
      {
        uses: request.action,
        id: 'lockstep',
        with: {
          command: 'merge',
          ...(request.jobs.length > 0 && { jobs: request.jobs.join(' ') }),
          args: literal(shellLine(machines.flatMap(pathsOf))),
        },
      },
    ],
  };
}

const runsOn = ({ runsOn: labels }: WorkflowRequest): Yaml =>
  labels.length === 1 ? literal(labels[0] ?? '') : labels.map(literal);

const pathsOf = (machine: Machine): readonly string[] => foldersOf(machine).map((name) => `${from}/${name}`);

/** What an artifact of a job is called never has a blank after its first word, so these are ours alone. */
function before(needs: readonly Machine[]): readonly Yaml[] {
  const checkout = { uses: pinned.checkout[0], with: { 'persist-credentials': false } };
  const names = needs.map(({ id, instances }) => (instances === null ? id : `${id}.*`));
  const pattern = names.length === 1 ? names.join('') : `{${names.join(',')}}`;
  if (needs.length === 0) return [checkout];
  return [
    checkout,
    { name: 'Make room for results', run: 'rm -rf .lockstep' },
    {
      uses: pinned.download[0],
      with: { pattern: `lockstep ${pattern}`, path: from, 'merge-multiple': true },
    },
    { name: 'Unpack the results of the jobs before', run: unpack },
  ];
}

function inputsOf({ plan, params, allow }: WorkflowRequest): Readonly<Record<string, Yaml>> {
  const given = Object.entries(params).map(([name, value]) => `${name}=${value}`);
  return {
    ...(!isUsualFile(plan) && { file: literal(plan.file) }),
    ...(given.length > 0 && { params: literal(given.join('\n')) }),
    ...(allow.length > 0 && { allow: allow.join(' ') }),
  };
}

/** GitHub evaluates what stands in `${{ }}` wherever it stands. */
const literal = (text: string): string => text.replaceAll('${{', "${{ '${{' }}");

/** The tag of a pinned commit, which update bots read and write. */
function nameVersions(document: Document): void {
  const versions = new Map<unknown, string>(Object.values(pinned));
  visit(document, {
    Pair: (_, { key, value }) => {
      const version = isScalar(key) && key.value === 'uses' && isScalar(value) && versions.get(value.value);
      if (version && isScalar(value)) value.comment = ` ${version}`;
    },
  });
}
