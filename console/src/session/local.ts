import type { LocalConfig } from './config.ts';
import { put } from './put.ts';
import { type Session, SessionOverError } from './session.ts';

/** The status with which the command answers who has no cookie of it, or an old one. */
const SESSION_OVER = 401;

/** The session of the command `destination console`: a cookie that the address with the token was exchanged for. */
export function open(config: LocalConfig): Session {
  /** The interface's own refusals are problems; this one is the command's, and has a mark. */
  const refuseOver = (answer: Pick<Response, 'status' | 'headers'>) => {
    if (answer.status === SESSION_OVER && answer.headers.has('X-Console')) {
      throw new SessionOverError();
    }
  };
  return {
    person: config.stack,
    async fetch(path, init) {
      const answer = await fetch(`api${path}`, { ...init, credentials: 'same-origin' });
      refuseOver(answer);
      return answer;
    },
    async put(address, file, watch) {
      const answer = await put(`uploads?${new URLSearchParams({ address })}`, file, watch); // the command passes it on
      refuseOver(answer);
      return answer;
    },
    async signOut() {
      await fetch('session', { method: 'DELETE', credentials: 'same-origin' });
      location.reload();
    },
    async signIn() {
      location.reload();
    },
  };
}
