import createClient, { type Client } from 'openapi-fetch';
import type { Session } from '../session/session.ts';
import { readTrouble, TroubleError } from './problem.ts';
import type { components, paths } from './schema.d.ts';

/** The bodies of docs/openapi.json, by their names there. */
export type Schemas = components['schemas'];

/** The calls of docs/openapi.json, with their types: `api.GET('/overview')`. */
export type Interface = Client<paths>;

/** `openapi-fetch` wants an address; only what follows it is used. */
const NOWHERE = 'https://stack.invalid';

/** The interface as the session reaches it. A call throws TroubleError for an answer that is no success, and what `Session.fetch` throws. */
export function interfaceOf(session: Session): Interface {
  return createClient<paths>({
    baseUrl: NOWHERE,
    fetch: async (request) => {
      const path = request.url.slice(NOWHERE.length);
      const body = await request.text();
      const answer = await session.fetch(path, {
        method: request.method,
        headers: Object.fromEntries(request.headers),
        signal: request.signal,
        ...(body && { body }),
      });
      if (!answer.ok) {
        const errorType = answer.headers.get('x-amzn-ErrorType');
        throw new TroubleError(readTrouble(request.method, path, answer.status, await contentOf(answer), errorType));
      }
      return answer;
    },
  });
}

/** An answer with its version, where it has one: what the next write says in `If-Match`. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag: string | null;
}

/** The content of a call's answer. */
export async function answered<D>(call: Promise<{ data?: D; response: Response }>): Promise<NonNullable<D>> {
  return (await versioned(call)).value;
}

/** The same, with its version. */
export async function versioned<D>(
  call: Promise<{ data?: D; response: Response }>,
): Promise<Versioned<NonNullable<D>>> {
  const { data, response } = await call;
  return { value: data as NonNullable<D>, etag: response.headers.get('ETag') };
}

async function contentOf(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    return null; // a proxy's page, or nothing: what counts is the status
  }
}

/** The parameters of a call of a connection, where it has no others. */
export function ofConnection(id: string): { readonly path: { readonly connection_id: string } } {
  return { path: { connection_id: id } };
}
