// The AWS API by way of the console's own origin (engine/console/route.h), and the session.
import { signal } from '@preact/signals';
import { errorOf, formOf, queryOf, treeOf, type Tree } from './model/wire';
import { PREFIX } from './router';

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export type SessionState = 'unknown' | 'open' | 'none';
export const session = signal<SessionState>('unknown');
export const region = signal('');

const HEADERS = { 'X-Kiban-Console': '1', 'Content-Type': 'application/json' };

/** Throws ApiError for everything that is not a reply of the server with status 2xx. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    // Without no-store a browser holds a request back while another page waits for the same URL.
    response = await fetch(`${PREFIX}/${path}`, { ...init, cache: 'no-store', headers: { ...HEADERS, ...init.headers } });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError('ConnectFailed', 'The server does not answer.', 0);
  }
  if (response.ok) return response;
  const { code, message } = errorOf(await response.text(), response.status);
  if (code === 'NoSession') session.value = 'none';
  throw new ApiError(code, message || response.statusText, response.status);
}

/** One operation of the AWS API. */
export async function call<T>(service: string, operation: string, input: object, signal?: AbortSignal): Promise<T> {
  const body = JSON.stringify({ service, operation, input, region: region.value });
  const response = await request('api', { method: 'POST', body, signal: signal ?? null });
  return (await response.json()) as T;
}

const rawCall = async (service: string, wanted: object): Promise<Response> =>
  request('api', { method: 'POST', body: JSON.stringify({ service, request: wanted, region: region.value }) });

/** One operation of a service that speaks the query protocol: its reply as a tree (model/wire.ts). */
export async function query(service: string, version: string, operation: string, input: JsonObject = {}): Promise<Tree> {
  const body = formOf({ Action: operation, Version: version, ...input });
  const response = await rawCall(service, { method: 'POST', type: 'application/x-www-form-urlencoded', body });
  return treeOf(await response.text(), `${operation}Result`);
}

/** A GET of a service that speaks REST, or a PUT of `body`; `path` is encoded by the caller. */
export async function rest(service: string, path: string, parameters: Record<string, string> = {}, body?: object): Promise<Response> {
  if (body === undefined) return rawCall(service, { method: 'GET', path, query: queryOf(parameters) });
  return rawCall(service, { method: 'PUT', path, query: queryOf(parameters), type: 'application/json', body: JSON.stringify(body) });
}

/** One of the server's own routes: "clock", "timers/…". */
export async function own<T>(path: string, body?: object): Promise<T> {
  const init = body ? { method: 'POST', body: JSON.stringify(body) } : {};
  return (await (await request(`own/${path}`, init)).json()) as T;
}

/** The same for a route that answers with one JSON object a line. */
export async function ownLines<T>(path: string): Promise<T[]> {
  const text = await (await request(`own/${path}`)).text();
  return text.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as T);
}

/** Opens a session by the code in the URL's fragment, which is taken out of it; else looks for one. */
export async function openSession(): Promise<ApiError | undefined> {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code) history.replaceState(null, '', location.pathname + location.search);
  try {
    const init = code ? { method: 'POST', body: JSON.stringify({ code }) } : {};
    const reply = (await (await request('session', init)).json()) as { region: string };
    region.value = reply.region;
    session.value = 'open';
    return undefined;
  } catch (error) {
    if (code) {
      // A link that was used already: the session that it opened may still be there.
      const before = await openSession();
      return before && (error as ApiError);
    }
    session.value = 'none';
    return error as ApiError;
  }
}

export async function endSession(): Promise<void> {
  await request('session', { method: 'DELETE' });
  session.value = 'none';
}
