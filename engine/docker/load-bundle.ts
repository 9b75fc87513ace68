// A bundle → an image in the engine.
import { Readable } from 'node:stream';
import { type Outcome, fail, ok } from '../../src/model/failure.ts';
import { GivenUp, streamBounded } from './bounded-stream.ts';
import type { Target } from './bundle.ts';
import type { EngineLink } from './engine-link.ts';
import { engineFailure, statusOf } from './errors.ts';

/** After the last byte the engine unpacks all layers before it answers. */
const stallMs = 300_000;

/** The id. Failure: `snapshot-unusable`, or what the engine lacks. Rejects only with what `bundle` rejects with. */
export async function loadBundle(
  link: EngineLink,
  bundle: AsyncIterable<Uint8Array>,
  target: Target,
): Promise<Outcome<string>> {
  const { Unusable, loadable } = await import('./bundle.ts');
  let id = '';
  const tar = loadable(bundle, target, (made) => (id = made));
  const sent = streamBounded(tar, stallMs, [link.lost]);
  try {
    const file = Readable.from(sent.chunks, { objectMode: false });
    const request = link.docker.loadImage(file, { quiet: true, abortSignal: sent.over });
    const answer = (await sent.orOver(request)) as NodeJS.ReadableStream & AsyncIterable<Buffer>;
    const text = Buffer.concat(await sent.orOver(Array.fromAsync(answer))).toString();
    const refused = text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => (JSON.parse(line) as { readonly error?: string }).error)
      .find((error) => error !== undefined);
    return refused === undefined ? ok(id) : refusal(refused);
  } catch (error) {
    if (sent.sourceError !== null) {
      if (sent.sourceError.error instanceof Unusable) return unusable(sent.sourceError.error.message);
      throw sent.sourceError.error;
    }
    if (error instanceof GivenUp) return { ok: false, failure: error.failure };
    const asked = statusOf(error) !== undefined;
    return asked
      ? refusal(error)
      : { ok: false, failure: link.lossOr(engineFailure(error, 'load a snapshot')) };
  } finally {
    sent.end();
  }
}

/** Damage shows in many words; only a full disk is not the bundle's. */
function refusal(error: unknown): Outcome<never> {
  const failure = engineFailure(error, 'load a snapshot');
  return failure.code === 'disk-full' ? { ok: false, failure } : unusable(failure.cause ?? failure.message);
}

const unusable = (cause: string): Outcome<never> =>
  fail('environment', 'snapshot-unusable', 'a stored snapshot cannot be used', { cause });
