// A sandbox spec → a started container whose main shell has answered.
import { setTimeout as delay } from 'node:timers/promises';
import type { Container } from 'dockerode';
import type { Owner, SandboxSpec } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { type Labels, jobContainer, jobNetwork, ownerLabel } from './container-spec.ts';
import { ControlShell } from './control-shell.ts';
import type { Endings, Loan, SharedNetwork } from './endings.ts';
import type { EngineLink } from './engine-link.ts';
import { engineFailure, isMissingImage, isMissingProgram } from './errors.ts';
import type { Images } from './images.ts';
import type { OpenedContainer } from './job-container.ts';
import type { NetworkAccess } from './network-access.ts';
import { isEmptyNetwork, lookOfFiles } from './network-look.ts';
import { DockerSandbox } from './sandbox.ts';
import { noSuchUser, notStartable, parseIds } from './step-refusals.ts';
import { setupRequest } from './step-script.ts';

export interface OpenContext {
  readonly link: EngineLink;
  readonly images: Images;
  readonly labels: Labels;
  readonly access: NetworkAccess;
  /** A request that brings those of `access`: much text, made once. Null without. */
  readonly authorities: string | null;
  readonly removing: (removal: Promise<unknown>) => void;
  readonly endings: Endings;
}

const callMs = 60_000;
const startMs = 120_000;

/** Leaves nothing behind when it fails. */
export async function openSandbox(context: OpenContext, spec: SandboxSpec): Promise<Outcome<DockerSandbox>> {
  if (!mayShareNetwork(spec)) return open(context, spec, null);
  const { endings } = context;
  const loan = await endings.lend(spec.image.id);
  if (loan === null) {
    let holder: string | null = null;
    try {
      const opened = await open(context, spec, null);
      if (opened.ok) holder = opened.value.id;
      return opened;
    } finally {
      endings.made(holder);
    }
  }
  const joined = await open(context, spec, loan);
  if (joined.ok) return joined;
  if (joined.failure.code !== 'engine-refused') {
    endings.giveBack(loan.network);
    return joined;
  }
  endings.refuse(loan.network);
  return open(context, spec, null);
}

/** What is privileged can change a network for good, and services have one of their own. */
const mayShareNetwork = (spec: SandboxSpec): boolean => spec.network && !spec.hasServices && !spec.privileged;

/** `loan`: what it joins. */
async function open(
  context: OpenContext,
  spec: SandboxSpec,
  loan: Loan | null,
): Promise<Outcome<DockerSandbox>> {
  const { link, images, labels, access, authorities, removing, endings } = context;
  const info = await images.info(spec.image.id);
  if (!info.ok) return info;
  const user = spec.user ?? (info.value.Config.User || '0');
  const network = spec.hasServices ? await makeNetwork(context, spec) : ok(null);
  if (!network.ok) return network;
  const mode = loan === null ? network.value : `container:${loan.network.holder}`;
  const doing = 'create the container';
  const made = await link.attempt(doing, callMs, (signal) =>
    link.docker.createContainer({ ...jobContainer(spec, user, labels, mode), abortSignal: signal }),
  );
  if (!made.ok) {
    removing(discard(link, null, network.value));
    if ('failure' in made) return made;
    const failure = link.lossOr(engineFailure(made.error, doing));
    const gone = spec.snapshot !== null && isMissingImage(made.error);
    return { ok: false, failure: gone ? snapshotMissing(spec, failure.cause) : failure };
  }
  const { id } = made.value;
  const fate = link.follow(id);
  const undo = (failure: Failure): Outcome<never> => {
    link.forget(id);
    removing(discard(link, id, network.value));
    return { ok: false, failure };
  };
  const started = await start(link, made.value, spec);
  if (!started.ok) return undo(started.failure);
  const control = started.value;
  // Looked at only when nobody can change it any more.
  const isDeserted = await loan?.isDeserted;
  const ready = await setUp({ link, id, fate, control, spec, user }, authorities, loan !== null);
  if (!ready.ok) {
    control.close();
    return undo(ready.failure);
  }
  const { owner, files, isEmpty } = ready.value;
  if (loan !== null && !(isDeserted && isEmpty && files === loan.network.files)) {
    control.close();
    return undo(touchedNetwork());
  }
  const opened = { link, id, fate, control, spec, user, owner };
  const home =
    network.value === null ? null : { link, images, labels, network: network.value, jobImage: spec.image.id };
  const maker = labels[ownerLabel] ?? '';
  const shared = loan?.network ?? newNetwork(spec, id, files);
  return ok(new DockerSandbox(opened, { images, access, maker, home, removing, endings, network: shared }));
}

/** Whose own steps made what it was started from has no word that others could rely on. */
const newNetwork = (spec: SandboxSpec, holder: string, files: string | null): SharedNetwork | null =>
  mayShareNetwork(spec) && spec.snapshot === null && files !== null
    ? { holder, image: spec.image.id, files }
    : null;

async function makeNetwork({ link, labels }: OpenContext, spec: SandboxSpec): Promise<Outcome<string>> {
  const name = `lockstep-${crypto.randomUUID()}`;
  const made = await link.call('create a network', callMs, () =>
    link.docker.createNetwork(jobNetwork(name, spec, labels)),
  );
  return made.ok ? ok(made.value.id) : made;
}

/** Attached before it is started: from its first moment on the container ends with this process. */
async function start(
  link: EngineLink,
  container: Container,
  spec: SandboxSpec,
): Promise<Outcome<ControlShell>> {
  const attached = await link.call('attach to the container', callMs, () =>
    container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true }),
  );
  if (!attached.ok) return attached;
  const control = new ControlShell(attached.value);
  const started = await link.attempt('start the container', startMs, (signal) =>
    container.start({ abortSignal: signal }),
  );
  if (started.ok) return ok(control);
  control.close();
  if ('failure' in started) return started;
  const failure = link.lossOr(engineFailure(started.error, 'start the container'));
  return { ok: false, failure: isMissingProgram(started.error) ? noShell(spec, failure.cause) : failure };
}

interface SetUp {
  /** The user's ids. */
  readonly owner: Owner;
  /** The engine's, as it sees them; null where it cannot. */
  readonly files: string | null;
  /** Of a network that it joined. */
  readonly isEmpty: boolean;
}

/** Makes the user's folder and the authorities. A snapshot's folder is as its steps left it. */
async function setUp(
  { link, id, fate, control, spec, user }: Omit<OpenedContainer, 'owner'>,
  authorities: string | null,
  joins: boolean,
): Promise<Outcome<SetUp>> {
  const setup = {
    ...{ user, workdir: spec.workdir, fromSnapshot: spec.snapshot !== null },
    caches: spec.caches.map(({ path }) => path),
    network: joins ? ('joined' as const) : mayShareNetwork(spec) ? ('shareable' as const) : null,
  };
  const answer = await control.ask((marker) => setupRequest(setup, marker));
  const refuse = (failure: Failure): Outcome<SetUp> => ({ ok: false, failure });
  if (answer === null) {
    const lost = await link.whyEnded(id);
    if (lost !== null) return refuse(lost);
    const code = await Promise.race([fate.died, delay(1_000)]);
    // What the engine's init gives for a program that is not there.
    if (code === 127) return refuse(noShell(spec));
    return fail(
      'environment',
      'sandbox-died',
      `the container ended at once, with ${code ?? 'an unknown code'}`,
    );
  }
  const tool = answer.word('no-tool');
  if (tool !== null) return refuse(notStartable(`the image ${spec.image.reference} has no ${tool}`));
  const owner = parseIds(answer);
  if (owner === null) return refuse(noSuchUser(user));
  if (answer.has('no-workdir')) return refuse(notStartable(`the folder ${spec.workdir} cannot be made`));
  // Not waited for: requests keep their order, so it is there before the first step's script.
  if (authorities !== null) void control.ask(() => authorities);
  const isEmpty = isEmptyNetwork(answer.bytes('sockets'), answer.bytes('netlink'));
  return ok({ owner, files: lookOfFiles(answer.bytes('files')), isEmpty });
}

/** Nobody sees it: a network of its own comes next. */
const touchedNetwork = (): Failure =>
  fail('environment', 'engine-refused', 'a job before left something in the network').failure;

const noShell = (spec: SandboxSpec, cause?: string): Failure =>
  notStartable(`the image ${spec.image.reference} has no sh`, {
    hint: 'a job runs its steps by a shell: take an image that has one',
    ...(cause === undefined ? {} : { cause }),
  });

const snapshotMissing = ({ job, snapshot }: SandboxSpec, cause?: string): Failure =>
  fail('environment', 'snapshot-missing', `the engine has no snapshot ${snapshot} for ${job} any more`, {
    ...(cause === undefined ? {} : { cause }),
  }).failure;

async function discard(link: EngineLink, id: string | null, network: string | null): Promise<void> {
  if (id !== null) {
    await link.attempt('remove the container', callMs, () =>
      link.docker.getContainer(id).remove({ force: true, v: true }),
    );
  }
  if (network !== null) {
    await link.attempt('remove the network', callMs, () => link.docker.getNetwork(network).remove());
  }
}
