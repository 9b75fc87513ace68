// A check of readiness → whether a running service passes it, seen from within it or from a container beside it.
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceSpec } from '../../src/contract/sandbox.ts';
import { type Failure, fail } from '../../src/model/failure.ts';
import { type Labels, probeContainer } from './container-spec.ts';
import type { EngineLink, Fate } from './engine-link.ts';
import { isMissingProgram } from './errors.ts';
import { type Check, noToolCode } from './readiness.ts';

/** A failure: looking again is useless. */
type Seen = 'ready' | 'not-yet' | Failure;

interface Home {
  readonly link: EngineLink;
  readonly labels: Labels;
  /** Image id of the job: looks at services whose own image lacks the tools. */
  readonly jobImage: string;
}

interface Looked {
  readonly spec: ServiceSpec;
  readonly id: string;
  readonly fate: Fate;
}

const callMs = 60_000;
const probeMs = 30_000;
/** The engine tells of a death a little after it. */
const deathMs = 1_500;

export class ServiceLook {
  readonly #home: Home;
  readonly #service: Looked;
  readonly #made: (probe: string) => void;
  /** Container that looks from beside; made when it is first needed. */
  #probe: string | null = null;

  /** `made` is told the id of the container beside the service as soon as there is one. */
  constructor(home: Home, service: Looked, made: (probe: string) => void) {
    this.#home = home;
    this.#service = service;
    this.#made = made;
  }

  at(check: Check): Promise<Seen> {
    return check.kind === 'script' ? this.#run(check) : this.#state(check.kind);
  }

  async end(): Promise<void> {
    const { link } = this.#home;
    const probe = this.#probe;
    if (probe === null) return;
    await link.attempt('remove a probe', callMs, () =>
      link.docker.getContainer(probe).remove({ force: true, v: true }),
    );
  }

  async #state(kind: 'health' | 'running'): Promise<'ready' | 'not-yet'> {
    const { link } = this.#home;
    const { id } = this.#service;
    const seen = await link.call('inspect a service', probeMs, () => link.docker.getContainer(id).inspect());
    if (!seen.ok) return 'not-yet';
    const { State: state } = seen.value;
    return (kind === 'running' ? state.Running : state.Health?.Status === 'healthy') ? 'ready' : 'not-yet';
  }

  async #run(check: Check & { kind: 'script' }): Promise<Seen> {
    const { id, spec } = this.#service;
    const code = await this.#execute(this.#probe ?? id, check.script);
    if (code === 0) return 'ready';
    if (code !== noToolCode && code !== 'no-shell') return 'not-yet';
    const { name } = spec;
    if (!check.anywhere) {
      if (!(await this.#lives())) return 'not-yet';
      return fail(
        'pipeline',
        'service-failed',
        `the image of the service ${name} has no sh to run its \`ready\` script`,
      ).failure;
    }
    if (this.#probe !== null) {
      const tools = 'curl, wget, python3 or node';
      return fail(
        'pipeline',
        'service-failed',
        `cannot look whether ${check.what} of the service ${name} is ready`,
        {
          hint: code === noToolCode ? `put ${tools} into its image or the job's` : 'its image needs a shell',
        },
      ).failure;
    }
    const { link, labels, jobImage } = this.#home;
    const made = await link.call('create a probe', callMs, async () => {
      const container = await link.docker.createContainer(probeContainer(jobImage, labels, id));
      this.#made(container.id);
      // Its shell waits for input that never comes, and ends with this process.
      const stream = await container.attach({ stream: true, stdin: true, hijack: true });
      stream.on('error', () => undefined);
      await container.start();
      return container.id;
    });
    // The service may just have ended: that is for its own fate to tell.
    if (made.ok) this.#probe = made.value;
    return 'not-yet';
  }

  /** In a container that is on its way out an exec fails as it does where there is no shell: that is for its fate to tell. */
  async #lives(): Promise<boolean> {
    const died = this.#service.fate.died.then(() => true);
    if (await Promise.race([died, delay(deathMs, false)])) return false;
    return (await this.#state('running')) === 'ready';
  }

  async #execute(id: string, script: string): Promise<number | 'no-shell'> {
    const { link } = this.#home;
    const ran = await link.attempt('look at a service', probeMs, async () => {
      const exec = await link.docker.getContainer(id).exec({
        Cmd: ['sh', '-c', script],
        AttachStdout: true,
        AttachStderr: true,
      });
      const stream = await exec.start({ hijack: true });
      stream.on('error', () => undefined);
      stream.resume();
      await new Promise((resolve) => stream.once('close', resolve));
      return exec;
    });
    if (!ran.ok) return 'error' in ran && isMissingProgram(ran.error) ? 'no-shell' : 1;
    const seen = await link.call('look at a service', probeMs, () => ran.value.inspect());
    if (!seen.ok) return 1;
    // The engine's code for a program that is not there; a script never ends with it by accident of ours.
    const code = seen.value.ExitCode ?? 1;
    return code === 126 || code === 127 ? 'no-shell' : code;
  }
}
