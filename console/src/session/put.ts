/** How a file is put: who is told how much of it was sent so far, in bytes, and what ends it early. */
export interface Watch {
  readonly onSent: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** What a file was answered. */
export type Put = Pick<Response, 'status' | 'headers'>;

/**
 * Puts a file at an address, and no header of its own, which a bucket would have to be told to allow. `fetch` tells
 * nobody how far it is.
 *
 * Throws as `fetch` does: `TypeError` where there is no answer, and the signal's reason.
 */
export function put(address: string, file: Blob, { onSent, signal }: Watch): Promise<Put> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = () => resolve({ status: request.status, headers: headersOf(request) });
    request.onerror = () => reject(new TypeError('Failed to put'));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.open('PUT', address);
    request.send(file.slice(0, file.size, ''));
  });
}

function headersOf(request: XMLHttpRequest): Headers {
  const lines = request.getAllResponseHeaders().split('\r\n').filter(Boolean);
  return new Headers(lines.map((line) => line.split(': ', 2) as [string, string]));
}
