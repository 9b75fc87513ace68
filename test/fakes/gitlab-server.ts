// GitLab's packages API over HTTP, as a job sees it: lists, uploads and downloads of generic packages, with the job's token.
// Keeps what it is given, and fails when the test says so. After lib/api/project_packages.rb, package_files.rb and
// generic_packages.rb of https://gitlab.com/gitlab-org/gitlab
import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { send, type Answer } from './blob-storage.ts';

/** Of the person who started the pipeline. */
export type Role = 'guest' | 'reporter' | 'developer';

export interface StoredPackage {
  readonly id: number;
  readonly project: string;
  readonly name: string;
  readonly version: string;
  /** The oldest first. Two may have one name: the last counts. */
  readonly files: { readonly name: string; content: Buffer }[];
}

export type Fault =
  | Answer
  /** The connection ends without a word. */
  | 'reset'
  /** Half of the body; then the connection ends. */
  | 'cut'
  /** The request is taken, and nothing comes. */
  | 'silent';

export interface GitlabServer {
  /** Of the API, as `CI_API_V4_URL` has it. */
  readonly api: string;
  /** What a new job of the project is told. */
  readonly job: (job?: { project?: string; role?: Role }) => Readonly<Record<string, string>>;
  /** The oldest first. To be changed at will. */
  readonly packages: StoredPackage[];
  /** `list`, `upload`, `download`, `stored`, each with the role that the token gave it; `nobody` where there was none. */
  readonly requests: string[];
  /** Called as each comes, before anything is done for it. */
  fault: (request: string) => Fault | null;
  maxFileBytes: number;
  takesDuplicates: boolean;
  /** Files come from another origin, as object storages give them. */
  direct: boolean;
  readonly close: () => Promise<void>;
}

const prefix = '/gitlab/api/v4/projects/';
const legalName = /^[A-Za-z0-9._+-]+$/;
const legalVersion = /^(?!.*\.\.)[\w+.-]+$/;

export async function gitlabServer(): Promise<GitlabServer> {
  const tokens = new Map<string, { readonly project: string; readonly role: Role }>();
  let ids = 0;

  const list = (project: string, query: URLSearchParams): Answer => {
    const word = (query.get('package_name') ?? '').toLowerCase();
    const found = server.packages.filter(
      (one) => one.project === project && one.name.toLowerCase().includes(word),
    );
    if (query.get('sort') === 'desc') found.reverse();
    const perPage = Math.min(Number(query.get('per_page') ?? 20), 100);
    const page = Number(query.get('page') ?? 1);
    const body = found.slice((page - 1) * perPage, page * perPage).map(({ id, name, version }) => ({
      ...{ id, name, version, package_type: 'generic', status: 'default', tags: [], pipelines: [] },
      created_at: new Date(id * 1000).toISOString(),
    }));
    const pages = Math.ceil(found.length / perPage);
    const headers = { 'x-page': String(page), 'x-next-page': page < pages ? String(page + 1) : '' };
    return json(200, body, headers);
  };

  const upload = async (
    project: string,
    path: readonly string[],
    request: IncomingMessage,
  ): Promise<Answer> => {
    const [name = '', version = '', file = ''] = path;
    if (!legalName.test(name) || !legalName.test(file) || !legalVersion.test(version))
      return json(400, { error: 'package_name is invalid' });
    // Object storages behind it need to know.
    if (request.headers['content-length'] === undefined) return json(411, { message: '411 Length Required' });
    const content = await buffer(request);
    if (content.length > server.maxFileBytes)
      return json(400, { message: '400 Bad request - File is too large' });
    let found = server.packages.find(
      (one) => one.project === project && one.name === name && one.version === version,
    );
    if (found === undefined)
      server.packages.push((found = { id: (ids += 1), project, name, version, files: [] }));
    if (!server.takesDuplicates && found.files.some((one) => one.name === file))
      return json(400, { message: '400 Bad request - Duplicate package is not allowed' });
    found.files.push({ name: file, content });
    return json(201, { message: '201 Created' });
  };

  const download = (project: string, [name, version, file]: readonly string[]): Answer => {
    const found = server.packages.find(
      (one) => one.project === project && one.name === name && one.version === version,
    );
    const stored = found?.files.findLast((one) => one.name === file);
    if (found === undefined || stored === undefined) return json(404, { message: '404 Not found' });
    const headers = { 'x-checksum-sha256': hash('sha256', stored.content) };
    if (!server.direct) return { status: 200, headers, body: stored.content };
    const { port } = http.address() as AddressInfo;
    const location = `http://localhost:${port}/stored/${found.id}/${found.files.indexOf(stored)}`;
    return { status: 302, headers: { location } };
  };

  const nameOf = ({ method }: IncomingMessage, { pathname }: URL): string => {
    if (pathname.startsWith('/stored/')) return 'stored';
    if (!pathname.includes('/packages/generic/')) return 'list';
    return method === 'PUT' ? 'upload' : 'download';
  };

  const answer = (kind: string, role: Role | undefined, request: IncomingMessage, url: URL) => {
    if (kind === 'stored') {
      const [id, file] = url.pathname.split('/').slice(2).map(Number);
      const content = server.packages.find((one) => one.id === id)?.files[file ?? 0]?.content;
      return content === undefined ? { status: 404 } : { status: 200, body: content };
    }
    const [project = '', , ...path] = url.pathname.slice(prefix.length).split('/').map(decodeURIComponent);
    const token = tokens.get(String(request.headers['job-token']));
    if (role === undefined) return json(401, { message: '401 Unauthorized' });
    // GitLab does not tell of projects that one may not see.
    if (token?.project !== project) return json(404, { message: '404 Project Not Found' });
    if (role === 'guest' || (kind === 'upload' && role === 'reporter'))
      return json(403, { message: '403 Forbidden' });
    if (kind === 'list') return list(project, url.searchParams);
    return kind === 'upload' ? upload(project, path.slice(1), request) : download(project, path.slice(1));
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', server.api);
    const kind = nameOf(request, url);
    const role = tokens.get(String(request.headers['job-token']))?.role;
    server.requests.push(`${kind} ${role ?? 'nobody'}`);
    const fault = server.fault(kind);
    if (fault === 'silent') return;
    if (fault === 'reset') {
      request.socket.destroy();
      return;
    }
    if (fault !== null && fault !== 'cut') {
      request.resume();
      send(response, request.method, fault);
      return;
    }
    const whole = await answer(kind, role, request, url);
    if (fault === null) {
      send(response, request.method, whole);
      return;
    }
    const bytes = Buffer.from(whole.body ?? '');
    response.writeHead(whole.status, { ...whole.headers, 'content-length': bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), () => request.socket.destroy());
  };

  const http = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const server: GitlabServer = {
    api: `http://127.0.0.1:${port}/gitlab/api/v4`,
    job({ project = '7', role = 'developer' } = {}) {
      const token = `glcbt-64_${tokens.size}`;
      tokens.set(token, { project, role });
      return { GITLAB_CI: 'true', CI_API_V4_URL: server.api, CI_PROJECT_ID: project, CI_JOB_TOKEN: token };
    },
    packages: [],
    requests: [],
    fault: () => null,
    maxFileBytes: 5 * 2 ** 30,
    takesDuplicates: true,
    direct: false,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  ...{ status, body: JSON.stringify(body) },
  headers: { 'content-type': 'application/json', ...headers },
});
