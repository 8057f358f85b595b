import type { Interface, Schemas } from '../../api/interface.ts';

/** Whose list is exported. */
export interface Wanted {
  readonly id: string;
  readonly runId: string;
  readonly outcome: Exclude<Schemas['Class'], 'activated' | 'unchanged'> | null;
  readonly code: string | null;
}

const LIMIT = 1000;
const NEXT = /[?&]cursor=([^&>]+)[^>]*>;\s*rel="next"/;

/** The CSV that the interface writes, page after page: the page that follows stands in the header `Link` (RFC 8288). */
export async function exported(api: Interface, { id, runId, outcome, code }: Wanted): Promise<string> {
  let text = '';
  let cursor: string | undefined;
  do {
    const query = {
      format: 'csv' as const,
      limit: LIMIT,
      ...(outcome && { outcome }),
      ...(code && { code }),
      ...(cursor && { cursor }),
    };
    const { data, response } = await api.GET('/connections/{connection_id}/runs/{run_id}/persons', {
      params: { path: { connection_id: id, run_id: runId }, query },
      headers: { Accept: 'text/csv' },
      parseAs: 'text',
    });
    text += String(data ?? '');
    cursor = nextCursor(response.headers.get('Link'));
  } while (cursor !== undefined);
  return text;
}

/** Of the header that names the page that follows; undefined: there is none. */
export function nextCursor(link: string | null): string | undefined {
  const found = NEXT.exec(link ?? '')?.[1];
  return found && decodeURIComponent(found);
}

/** Has the browser save a text as a file. */
export function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name.replaceAll(':', '-');
  link.click();
  URL.revokeObjectURL(address);
}
