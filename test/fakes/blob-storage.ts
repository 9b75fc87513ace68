// The part of Azure's blob storage that GitHub's clients use, with signed URLs: whole and block-wise uploads, reads by range.
import { hash, randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What a request is answered with. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface BlobStorage {
  /** By id. */
  readonly contents: Map<string, Buffer>;
  /** A new id; nothing is there yet. */
  readonly reserve: () => string;
  readonly signedPath: (id: string) => string;
  /** Null: not a blob's URL. */
  readonly idOf: (url: URL) => string | null;
  readonly answer: (request: IncomingMessage, url: URL, id: string) => Promise<Answer>;
}

const root = '/devstoreaccount1/container/';

export function blobStorage(): BlobStorage {
  const contents = new Map<string, Buffer>();
  const blocks = new Map<string, Map<string, Buffer>>();
  const secret = randomBytes(8).toString('hex');
  const sign = (id: string): string => hash('sha256', secret + id).slice(0, 43);

  const write = async (request: IncomingMessage, url: URL, id: string): Promise<Answer> => {
    const body = await buffer(request);
    const own = blocks.get(id) ?? new Map<string, Buffer>();
    blocks.set(id, own);
    switch (url.searchParams.get('comp') ?? '') {
      case 'block':
        own.set(url.searchParams.get('blockid') ?? '', body);
        break;
      case 'blocklist': {
        const names = [...body.toString().matchAll(/<Latest>(.*?)<\/Latest>/g)].map(([, name]) => name ?? '');
        contents.set(id, Buffer.concat(names.map((name) => own.get(name) ?? Buffer.alloc(0))));
        break;
      }
      default:
        if (request.headers['x-ms-blob-type'] !== 'BlockBlob') return { status: 400 };
        contents.set(id, body);
    }
    return { status: 201, headers: described };
  };

  return {
    contents,
    reserve: randomUUID,
    signedPath: (id) => `${root}${id}?sig=${sign(id)}%3D&se=2099-01-01`,
    idOf: ({ pathname }) => (pathname.startsWith(root) ? pathname.slice(root.length) : null),
    async answer(request, url, id) {
      if (url.searchParams.get('sig')?.replace(/=$/, '') !== sign(id)) return { status: 403 };
      if (request.method === 'PUT') return write(request, url, id);
      const content = contents.get(id);
      if (content === undefined)
        return { status: 404, headers: { 'x-ms-error-code': 'BlobNotFound' }, body: '<Error/>' };
      const headers = {
        ...described,
        'x-ms-blob-type': 'BlockBlob',
        'content-type': 'application/octet-stream',
      };
      const range = /bytes=(\d+)-(\d*)/.exec(
        String(request.headers['x-ms-range'] ?? request.headers.range ?? ''),
      );
      if (range === null) return { status: 200, headers, body: content };
      const first = Number(range[1]);
      const part = content.subarray(first, range[2] === '' ? undefined : Number(range[2]) + 1);
      const said = `bytes ${first}-${first + part.length - 1}/${content.length}`;
      return { status: 206, headers: { ...headers, 'content-range': said }, body: part };
    },
  };
}

const described = {
  etag: '"0x1"',
  'last-modified': new Date(0).toUTCString(),
  'x-ms-request-id': '1',
  'x-ms-version': '2025-01-05',
};

/** With its length, so that one which is cut is known for it. */
export function send(
  response: ServerResponse,
  method: string | undefined,
  { status, headers, body }: Answer,
): void {
  const bytes = Buffer.from(body ?? '');
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  response.end(method === 'HEAD' ? undefined : bytes);
}
