// A container engine that answers → the engine contract.
import type {
  CacheMount,
  CacheVolumes,
  Engine,
  Image,
  Sandbox,
  SandboxSpec,
  Snapshots,
} from '../../src/contract/sandbox.ts';
import { type Outcome, fail, ok } from '../../src/model/failure.ts';
import { cacheVolumes } from './cache-volumes.ts';
import { connectEngine, type Seeking } from './connect.ts';
import { type Labels, ownerLabel, runLabel } from './container-spec.ts';
import { Endings } from './endings.ts';
import { EngineLink } from './engine-link.ts';
import { type ImageRequest, Images } from './images.ts';
import type { NetworkAccess } from './network-access.ts';
import { removeOwnVolumes } from './own-volumes.ts';
import { openSandbox } from './open-sandbox.ts';
import { type Owner, ownerText, standings, thisOwner } from '../owner.ts';
import { registryDigest } from './registry-digest.ts';
import { snapshots } from './snapshots.ts';
import { caRequest } from './step-script.ts';
import { sweep } from './sweep.ts';

export interface DockerEngineOptions extends Seeking {
  readonly pid: number;
  readonly runId: string;
  readonly access: NetworkAccess;
}

const closeMs = 10_000;

/** Failure: `no-engine`, with every place tried. */
export async function createDockerEngine(options: DockerEngineOptions): Promise<Outcome<Engine>> {
  const [connected, self] = await Promise.all([
    connectEngine(options),
    thisOwner(options.platform, options.pid),
  ]);
  if (!connected.ok) return connected;
  const { docker, description } = connected.value;
  const link = new EngineLink(docker, `${runLabel}=${options.runId}`);
  const watching = await link.watch();
  if (!watching.ok) return watching;
  return ok(new DockerEngine(link, description, self, options));
}

class DockerEngine implements Engine {
  readonly description: string;
  readonly snapshots: Snapshots;
  readonly caches: CacheVolumes;
  readonly #link: EngineLink;
  readonly #images: Images;
  readonly #self: Owner;
  readonly #options: DockerEngineOptions;
  readonly #open = new Set<Sandbox>();
  readonly #removals = new Set<Promise<unknown>>();
  readonly #endings: Endings;
  readonly #authorities: string | null;
  #closed = false;
  readonly #ownVolumes = new Set<string>();

  constructor(link: EngineLink, description: string, self: Owner, options: DockerEngineOptions) {
    this.description = description;
    this.#link = link;
    this.#images = new Images(link);
    this.#self = self;
    this.#options = options;
    const { caBundle } = options.access;
    this.#authorities = caBundle && caRequest(Buffer.from(caBundle).toString('utf8'));
    this.#endings = new Endings(link, this.#removing);
    const helper = { link, labels: this.#labels(options.runId), removing: this.#removing };
    this.snapshots = snapshots(helper, this.#images, () => standings(this.#self, options.platform));
    const caches = cacheVolumes(helper);
    this.caches = {
      ...caches,
      fill: (cache, image, tar) => {
        this.#noteOwn([cache]);
        return caches.fill(cache, image, tar);
      },
    };
  }

  get lost(): AbortSignal {
    return this.#link.lost;
  }

  image(reference: string, request: ImageRequest): Promise<Outcome<Image>> {
    return this.#images.find(reference, request);
  }

  registryDigest(reference: string, signal: AbortSignal): Promise<Outcome<string | null>> {
    return registryDigest(this.#link, reference, signal);
  }

  async open(spec: SandboxSpec): Promise<Outcome<Sandbox>> {
    const labels = this.#labels(spec.runId);
    this.#noteOwn(spec.caches);
    const opened = await openSandbox(
      {
        link: this.#link,
        images: this.#images,
        labels,
        access: this.#options.access,
        authorities: this.#authorities,
        removing: this.#removing,
        endings: this.#endings,
      },
      spec,
    );
    if (!opened.ok) return opened;
    if (this.#closed) {
      await opened.value.close();
      return fail('environment', 'engine-lost', 'the engine was closed');
    }
    const sandbox = opened.value;
    this.#open.add(sandbox);
    sandbox.closing.addEventListener('abort', () => this.#open.delete(sandbox));
    return opened;
  }

  readonly #removing = (removal: Promise<unknown>): void => {
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  };

  #labels(runId: string): Labels {
    return { [runLabel]: runId, [ownerLabel]: ownerText(this.#self) };
  }

  #noteOwn(caches: readonly CacheMount[]): void {
    for (const { store, volume } of caches) if (store === null) this.#ownVolumes.add(volume);
  }

  sweep(ended?: ReadonlySet<string>): Promise<number> {
    return sweep(this.#link, this.#self, this.#options.platform, ended);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((sandbox) => sandbox.close()));
    await this.#endings.endAll();
    const over = new AbortController();
    this.#removing(removeOwnVolumes(this.#link, this.#ownVolumes, over.signal));
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), closeMs);
    await Promise.race([Promise.allSettled([...this.#removals]), late.promise]);
    over.abort();
    clearTimeout(timer);
    this.#link.close();
  }
}
