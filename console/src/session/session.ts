import type { Put, Watch } from './put.ts';

/**
 * How the console reaches the interface of its stack. Everything else in the application knows this and nothing of
 * its host: a host is one module that opens a session from what `config.json` says.
 */
export interface Session {
  /** Who is signed in, for a person to read: an e-mail address, or whatever the host knows. */
  readonly person: string;

  /**
   * A call of the interface. `path` begins with a slash and is the path of docs/openapi.json, with its query;
   * `init` is that of the browser's `fetch`. Answers of any status are answers.
   *
   * Throws `SessionOverError` where nobody is signed in any more, and `TypeError`, as `fetch` does, where the stack cannot be
   * reached.
   */
  fetch(path: string, init?: RequestInit): Promise<Response>;

  /**
   * Puts a file, as it is, at an address that the interface gave for it (`requestUpload`). Answers of any status are
   * answers; what is thrown is as with `fetch`.
   */
  put(address: string, file: Blob, watch: Watch): Promise<Put>;

  /** Ends the session; the page is left where the host has another, or says that it is over. */
  signOut(): Promise<void>;

  /** Begins another one after a `SessionOverError`, by which the page may be left. */
  signIn(): Promise<void>;
}

/** Nobody is signed in any more: the time of the session is over, or the process of the host has ended. */
export class SessionOverError extends Error {
  override readonly name = 'SessionOverError';
}
