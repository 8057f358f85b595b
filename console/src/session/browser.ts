import { type Put, put, type Watch } from './put.ts';

/** What signing in takes of the browser, so that a test can stand in for it. */
export interface Browser {
  readonly fetch: (input: string | Request, init?: RequestInit) => Promise<Response>;
  readonly put: (address: string, file: Blob, watch: Watch) => Promise<Put>;
  /** Milliseconds since 1970, by a clock that may be wrong. */
  readonly now: () => number;
  /** What the address bar shows. */
  readonly address: () => URL;
  /** Goes to another page. */
  readonly leave: (address: string) => void;
  /** Shows another address of this page, without a step back to the one before. */
  readonly rename: (address: string) => void;
  /** Is of this tab alone, and outlives a reload of it. */
  readonly store: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

export const thisBrowser: Browser = {
  fetch: (input, init) => fetch(input, init),
  put,
  now: () => Date.now(),
  address: () => new URL(location.href),
  leave: (address) => location.assign(address),
  rename: (address) => history.replaceState(null, '', address),
  get store() {
    return sessionStorage;
  },
};
