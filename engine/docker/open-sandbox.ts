// A sandbox spec → a started container whose main shell has answered.
import type { Sandbox, SandboxSpec } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { type Labels, jobContainer, jobNetwork } from './container-spec.ts';
import { ControlShell } from './control-shell.ts';
import type { EngineLink } from './engine-link.ts';
import { engineFailure, isMissingProgram } from './errors.ts';
import type { Images } from './images.ts';
import type { NetworkAccess } from './network-access.ts';
import { DockerSandbox } from './sandbox.ts';
import { noSuchUser, notStartable, parseIds } from './step-refusals.ts';
import { setupRequest } from './step-script.ts';

export interface OpenContext {
  readonly link: EngineLink;
  readonly images: Images;
  readonly labels: Labels;
  readonly access: NetworkAccess;
  readonly removing: (removal: Promise<unknown>) => void;
}

const createMs = 60_000;
const startMs = 120_000;

/** Leaves nothing behind when it fails. */
export async function openSandbox(context: OpenContext, spec: SandboxSpec): Promise<Outcome<Sandbox>> {
  const { link, images, labels, removing } = context;
  const info = await images.info(spec.image.id);
  if (!info.ok) return info;
  const user = spec.user ?? (info.value.Config.User || '0');
  let network: string | null = null;
  if (spec.hasServices) {
    const name = `lockstep-${crypto.randomUUID()}`;
    const made = await link.call('create a network', createMs, () =>
      link.docker.createNetwork(jobNetwork(name, spec, labels)),
    );
    if (!made.ok) return made;
    network = made.value.id;
  }
  let id: string | null = null;
  const undo = (failure: Failure): Outcome<never> => {
    removing(discard(link, id, network));
    return { ok: false, failure };
  };
  const made = await link.call('create the container', createMs, (signal) =>
    link.docker.createContainer({ ...jobContainer(spec, labels, network), abortSignal: signal }),
  );
  if (!made.ok) return undo(made.failure);
  const container = made.value;
  ({ id } = container);
  const fate = link.follow(id);
  const attached = await link.call('attach to the container', createMs, () =>
    container.attach({ stream: true, stdin: true, stdout: true, hijack: true }),
  );
  if (!attached.ok) return undo(attached.failure);
  const control = new ControlShell(attached.value);
  const giveUp = (failure: Failure): Outcome<never> => {
    control.close();
    link.forget(container.id);
    return undo(failure);
  };
  const noShell = (cause?: string): Failure =>
    notStartable(`the image ${spec.image.reference} has no sh`, {
      hint: 'a job runs its steps by a shell: take an image that has one',
      ...(cause === undefined ? {} : { cause }),
    });
  const started = await link.attempt('start the container', startMs, (signal) =>
    container.start({ abortSignal: signal }),
  );
  if (!started.ok) {
    if ('failure' in started) return giveUp(started.failure);
    const failure = link.lossOr(engineFailure(started.error, 'start the container'));
    return giveUp(isMissingProgram(started.error) ? noShell(failure.cause) : failure);
  }
  const ca =
    context.access.caBundle === null ? null : Buffer.from(context.access.caBundle).toString('latin1');
  const answer = await control.ask((marker) => setupRequest(marker, { user, workdir: spec.workdir, ca }));
  if (answer === null) {
    const lost = await link.whyEnded(id);
    if (lost !== null) return giveUp(lost);
    const code = await fate.died;
    return giveUp(
      code === 127
        ? noShell()
        : fail('environment', 'sandbox-died', `the container ended at once, with ${code}`).failure,
    );
  }
  const owner = parseIds(answer);
  if (owner === null) return giveUp(noSuchUser(user));
  const tool = answer.word('no-tool');
  if (tool !== null) return giveUp(notStartable(`the image ${spec.image.reference} has no ${tool}`));
  if (answer.has('no-workdir')) return giveUp(notStartable(`the folder ${spec.workdir} cannot be made`));
  const home = network === null ? null : { link, images, labels, network, jobImage: spec.image.id };
  return ok(
    new DockerSandbox({ link, id, fate, control, spec, user, owner }, context.access, home, removing),
  );
}

async function discard(link: EngineLink, id: string | null, network: string | null): Promise<void> {
  if (id !== null) {
    await link.attempt('remove the container', createMs, () =>
      link.docker.getContainer(id).remove({ force: true, v: true }),
    );
  }
  if (network !== null) {
    await link.attempt('remove the network', createMs, () => link.docker.getNetwork(network).remove());
  }
}
