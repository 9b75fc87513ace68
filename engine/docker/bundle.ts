// What an engine saves of a snapshot → a bundle of its own layers, and a bundle → what another engine loads.
// A bundle is a tar of `DIFF-ID.tar` for each layer that the image below lacks, and `config.json`.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BLOCK, padding, tarHeader } from '../tar-header.ts';
import { type TarItem, readTar } from '../tar-reader.ts';
import { spool } from './spool.ts';

/** Why a bundle, or what an engine saved, is of no use. */
export class Unusable extends Error {}

const maxJson = 4 << 20;
const configName = 'config.json';

/**
 * `own`: diff ids of the layers to keep. The engine names files as it likes, so layers are known by their digests; each
 * lies in a temporary file until its digest is known.
 */
export async function* packBundle(
  saved: AsyncIterable<Uint8Array>,
  own: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const missing = new Set(own);
  const documents = new Map<string, Buffer>();
  for await (const item of readTar(saved)) {
    if (!isFile(item)) continue;
    await using content = await spool(item.content);
    if (missing.delete(content.digest)) {
      yield* tarFile(layerName(content.digest), content.size, content.chunks());
    } else if (content.size <= maxJson) {
      const bytes = Buffer.concat(await Array.fromAsync(content.chunks()));
      if (bytes[0] === 0x7b || bytes[0] === 0x5b) documents.set(item.name, bytes);
    }
  }
  const [manifest] = parse(manifestSchema, documents.get('manifest.json'));
  const config = documents.get(manifest.Config);
  if (config === undefined || missing.size > 0) throw new Unusable('the engine did not save all of it');
  yield* tarFile(configName, config.length, [config]);
  yield Buffer.alloc(2 * BLOCK);
}

/** What the loaded image is to be: on these layers, with this config. */
export interface Target {
  readonly layers: readonly string[];
  readonly config: object;
}

/**
 * As `docker load` takes it. Only the bundle's layers are trusted, which the engine checks against their digests: names,
 * variables and labels are the target's. `id` is told the id that the image will have.
 */
export async function* loadable(
  bundle: AsyncIterable<Uint8Array>,
  { layers, config }: Target,
  id: (id: string) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const given = new Set<string>(layers);
  let document: Buffer | undefined;
  for await (const item of readTar(bundle)) {
    if (!isFile(item)) throw new Unusable('it holds something else than files');
    const layer = /^([0-9a-f]{64})\.tar$/.exec(item.name)?.[1];
    if (layer !== undefined) {
      given.add(`sha256:${layer}`);
      yield* tarFile(item.name, item.size, item.content);
    } else if (item.name === configName && item.size <= maxJson) {
      document = Buffer.concat(await Array.fromAsync(item.content));
    } else throw new Unusable(`it holds ${JSON.stringify(item.name)}`);
  }
  const old = parse(configSchema, document);
  const ids = old.rootfs.diff_ids;
  if (layers.some((layer, at) => ids[at] !== layer)) throw new Unusable('it stands on another image');
  if (ids.some((layer) => !given.has(layer))) throw new Unusable('layers are missing');
  const made = Buffer.from(JSON.stringify({ ...old, config }));
  const digest = createHash('sha256').update(made).digest('hex');
  id(`sha256:${digest}`);
  const manifest = [{ Config: `${digest}.json`, RepoTags: null, Layers: ids.map(layerName) }];
  const text = Buffer.from(JSON.stringify(manifest));
  yield* tarFile(`${digest}.json`, made.length, [made]);
  yield* tarFile('manifest.json', text.length, [text]);
  yield Buffer.alloc(2 * BLOCK);
}

const manifestSchema = z.tuple([z.object({ Config: z.string() })]);

/** Other keys say how the image came to be; none of them has an effect. */
const configSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  created: z.string(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(z.string()).max(127) }),
});

const layerName = (diffId: string): string => `${diffId.slice('sha256:'.length)}.tar`;

function parse<T>(schema: z.ZodType<T>, bytes: Buffer | undefined): T {
  try {
    return schema.parse(JSON.parse(bytes?.toString() ?? 'null'));
  } catch {
    throw new Unusable('its description is missing or no such thing');
  }
}

function isFile(item: TarItem): item is Exclude<TarItem, { type: 'broken' }> {
  if (item.type === 'broken') throw new Unusable(item.message);
  return item.type === 'file';
}

/** Content that is cut short leaves the tar cut short. */
async function* tarFile(
  name: string,
  size: number,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const nobody = { type: 'file', executable: false, target: Buffer.alloc(0) } as const;
  yield tarHeader({ ...nobody, name: Buffer.from(name), size }, { uid: 0, gid: 0 });
  yield* content;
  yield Buffer.alloc(padding(size));
}
