import { answered, type Interface, ofConnection, type Versioned, versioned } from '../../api/interface.ts';
import { TroubleError } from '../../api/problem.ts';
import type { Based, Recipient } from './draft.ts';

/** A connection with its audiences and, where the person may see them, its recipients. */
export async function readBased(api: Interface, id: string, signal?: AbortSignal): Promise<Based> {
  const asked = { params: ofConnection(id), ...(signal && { signal }) };
  const [connection, { audiences }, recipients] = await Promise.all([
    versioned(api.GET('/connections/{connection_id}', asked)),
    answered(api.GET('/connections/{connection_id}/audiences', asked)),
    readRecipients(api, id, signal),
  ]);
  return {
    connection: connection.value,
    etag: connection.etag,
    audiences: Object.fromEntries(audiences.map((one) => [one.activation_id, one])),
    recipients,
  };
}

async function readRecipients(api: Interface, id: string, signal?: AbortSignal): Promise<Recipient[] | null> {
  const asked = { params: ofConnection(id), ...(signal && { signal }) };
  try {
    const { recipients } = await answered(api.GET('/connections/{connection_id}/recipients', asked));
    return recipients.map(({ protocol, endpoint }) => ({ protocol, endpoint }));
  } catch (error) {
    if (error instanceof TroubleError && error.trouble.kind === 'not_permitted') {
      return null;
    }
    throw error;
  }
}

/** What is compared when somebody else changed it meanwhile. */
export function asVersioned({ connection, etag, audiences }: Based): Versioned<object> {
  return { value: { ...connection, audiences }, etag };
}
