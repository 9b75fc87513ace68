// Requests of gitbeaker's → Node's own HTTP, since its own way of sending them does not fit here: GitLab takes the body of an
// upload as the file, and gitbeaker sends a form (https://github.com/jdalrymple/gitbeaker/issues/3580); it asks ten times within a
// second who tells it to slow down; it knows no proxies; nothing says whether a transfer goes on.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { Packages } from '@gitbeaker/rest';
import type { Environment } from '../../src/contract/provider.ts';

type RequesterFn = NonNullable<NonNullable<ConstructorParameters<typeof Packages>[0]>['requesterFn']>;
type Requester = ReturnType<RequesterFn>;
type Options = Parameters<Requester['get']>[1];

/** No answer, or none that helps. */
export class Unusable extends Error {
  /** Null: it did not come to an answer. */
  readonly status: number | null;
  constructor(message: string, status: number | null = null) {
    super(message);
    this.status = status;
  }
}

export interface LineOptions {
  /** Names proxies as curl knows them. */
  readonly environment: Environment;
  /** PEM; in place of the usual roots. */
  readonly ca?: readonly string[];
  /** Silence for so long is `Unusable`. */
  readonly silentMs: number;
  readonly pause?: (ms: number) => Promise<unknown>;
}

export interface Transfer {
  /** Something came or went. */
  readonly heard?: () => void;
  /** Takes the body of a good answer; without it, JSON is parsed. */
  readonly take?: (body: Readable) => Promise<void>;
}

interface Call {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Blob | null;
  readonly heard: () => void;
}

const longestAnswer = 32 << 20;
const longestPauseMs = 10_000;
const tries = 3;
const passing: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** Connections are kept between requests, and keep no process alive. */
export function gitlabLine({ environment, ca, silentMs, pause = idle }: LineOptions) {
  const settings = { keepAlive: true, proxyEnv: { ...environment } };
  const [plain, secure] = [
    new HttpAgent(settings),
    new HttpsAgent({ ...settings, ...(ca && { ca: [...ca] }) }),
  ];

  const send = (url: URL, { method, headers, body, heard }: Call): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const options = {
        ...{ method, timeout: silentMs },
        headers: { ...headers, ...(body && { 'content-length': body.size }) },
      };
      const request =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: secure })
          : httpRequest(url, { ...options, agent: plain });
      const silent = new Unusable(`no sign of life for ${silentMs / 1000}s`);
      request.on('timeout', () => request.destroy(silent));
      request.on('error', reject);
      request.on('response', resolve);
      if (body === null) request.end();
      else {
        const file = Readable.from(told(body, heard));
        file.on('error', (error) => request.destroy(error));
        request.on('close', () => file.destroy());
        file.pipe(request);
      }
    });

  /** Files may lie elsewhere, with an address of their own that is all one needs there. */
  const follow = async (from: URL, call: Call): Promise<IncomingMessage> => {
    let [url, headers] = [from, call.headers];
    for (let hops = 0; ; hops += 1) {
      const answer = await send(url, { ...call, headers });
      const { location } = answer.headers;
      if (call.method !== 'GET' || Math.trunc((answer.statusCode ?? 0) / 100) !== 3) return answer;
      answer.resume();
      const next = location === undefined || hops === 5 ? null : URL.parse(location, url.href);
      if (next === null || (next.protocol !== 'https:' && next.protocol !== url.protocol))
        throw new Unusable(`${url.host} leads nowhere`, answer.statusCode ?? 0);
      if (next.origin !== url.origin) headers = {};
      url = next;
    }
  };

  const exchange = async (url: URL, call: Call): Promise<IncomingMessage> => {
    for (let turn = 1; ; turn += 1) {
      const answer = await follow(url, call).catch((error: unknown) => {
        // A kept connection may have been closed meanwhile.
        if (turn < tries && isReset(error)) return null;
        throw error;
      });
      const status = answer?.statusCode ?? 0;
      if (answer !== null && status >= 200 && status < 300) return answer;
      const said = answer && (await readText(answer, longestAnswer));
      const pauseMs = pauseAfter(answer?.headers['retry-after']) ?? 250 * 2 ** turn;
      if (said !== null && (turn === tries || !passing.has(status) || pauseMs > longestPauseMs))
        throw new Unusable(`${status} ${wordsOf(said)}`.trim(), status);
      await pause(pauseMs);
    }
  };

  return ({ heard = () => undefined, take }: Transfer = {}): RequesterFn =>
    ({ url: base, headers, authHeaders }) => {
      const ask = async (method: string, path: string, options: Options) => {
        const url = new URL(path, base);
        for (const [name, value] of Object.entries(options?.searchParams ?? {}))
          url.searchParams.set(snakeCase(name), String(value));
        const all: Record<string, string> = { ...headers };
        for (const [name, value] of Object.entries(authHeaders)) all[name] = await value();
        const answer = await exchange(url, { method, headers: all, body: fileOf(options), heard });
        heard();
        let body: unknown = null;
        if (take === undefined) body = parseJson(await readText(answer, longestAnswer));
        else await take(answer);
        // Whoever asks says what it should be, and looks whether it is.
        return { body: body as never, headers: {}, status: answer.statusCode ?? 0 };
      };
      return {
        get: (path, options) => ask('GET', path, options),
        put: (path, options) => ask('PUT', path, options),
        post: (path, options) => ask('POST', path, options),
        patch: (path, options) => ask('PATCH', path, options),
        delete: (path, options) => ask('DELETE', path, options),
      };
    };
}

const idle = (ms: number): Promise<unknown> => wait(ms, undefined, { ref: false });

/** What the form is made of, without the form. */
function fileOf(options: Options): Blob | null {
  const file = options?.body instanceof FormData ? options.body.get('file') : null;
  return file instanceof Blob ? file : null;
}

async function* told(file: Blob, heard: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of file.stream()) {
    yield chunk;
    heard();
  }
}

const isReset = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');

/** Null: nothing is said that can be understood. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function pauseAfter(header: string | undefined): number | null {
  if (header === undefined) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

async function readText(body: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > limit) throw new Unusable('an answer without an end');
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unusable('an answer that is no JSON');
  }
}

/** GitLab's `{"message": "403 Forbidden"}` or `{"error": …, "error_description": …}`; a page of somebody else's says nothing. */
function wordsOf(body: string): string {
  try {
    const { message, error, error_description: more } = JSON.parse(body) as Record<string, unknown>;
    const said = [message, error, more].filter((words) => typeof words === 'string');
    return said
      .join(', ')
      .replace(/^\d{3} /, '')
      .replace(/\s+/g, ' ')
      .slice(0, 200);
  } catch {
    return '';
  }
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
