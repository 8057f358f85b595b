import type { Browser } from './browser.ts';
import type { CloudFrontConfig } from './config.ts';

/** Who is signed in, as the user pool says in its ID token. */
export interface Person {
  readonly idToken: string;
  readonly name: string;
  /** When the ID token ends, in milliseconds by the clock of the user pool. */
  readonly endsAt: number;
  /** By how many milliseconds that clock is ahead of the browser's. */
  readonly ahead: number;
}

/** A sign-in came to no end; the page says why, and a reload begins another one. */
export class SignInError extends Error {
  override readonly name = 'SignInError';
}

/** The person is in no group of the user pool that has a role, so that no call could be made. */
export class NoPersonaError extends Error {
  override readonly name = 'NoPersonaError';
}

/** Of a sign-in that was begun in this tab: by `state` its end is known, and by `verifier` its code is redeemed. */
interface Begun {
  readonly state: string;
  readonly verifier: string;
  /** Where in the application the person was. */
  readonly hash: string;
}

interface Tokens {
  readonly id_token: string;
  readonly refresh_token?: string;
}

const BEGUN = 'console.begun';
const REFRESH_TOKEN = 'console.refresh-token';

/**
 * The sign-in of Amazon Cognito's pages: authorization code with PKCE (RFC 7636; RFC 9700, section 2.1.1).
 *
 * The ID token is kept in memory alone. The refresh token is in the storage of the tab, so that a reload is no new
 * sign-in: whatever could read it there could as well call in the person's name, it ends with the working day, and each
 * is good for one use.
 */
export class SignIn {
  readonly #config: CloudFrontConfig;
  readonly #browser: Browser;

  constructor(config: CloudFrontConfig, browser: Browser) {
    this.#config = config;
    this.#browser = browser;
  }

  /** Goes to the page on which people sign in. */
  async begin(): Promise<void> {
    const verifier = random(32);
    const begun: Begun = { state: random(16), verifier, hash: this.#browser.address().hash };
    this.#browser.store.setItem(BEGUN, JSON.stringify(begun));
    this.#browser.leave(
      this.#page('oauth2/authorize', {
        response_type: 'code',
        redirect_uri: this.#root,
        scope: 'openid email',
        state: begun.state,
        code_challenge: await challenge(verifier),
        code_challenge_method: 'S256',
      }),
    );
  }

  /**
   * Who has come back from that page; nobody: the page was opened otherwise.
   *
   * A code without the state of a sign-in that this tab began is somebody else's, and is not redeemed. Throws
   * `SignInError`, never to try again by itself: what fails for good would go round in a circle.
   */
  async returned(): Promise<Person | undefined> {
    const begun = this.#takeBegun();
    const said = this.#browser.address().searchParams;
    const [code, error] = [said.get('code'), said.get('error')];
    if (code === null && error === null) {
      return undefined;
    }
    const own = begun !== undefined && said.get('state') === begun.state ? begun : undefined;
    this.#browser.rename(this.#root + (own?.hash ?? ''));
    if (code === null) {
      throw new SignInError(
        `The sign-in was refused: ${/^[a-z_]{1,40}$/.test(error ?? '') ? error : 'no reason given'}.`,
      );
    }
    if (own === undefined) {
      return undefined;
    }
    const answer = await this.#post('oauth2/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: this.#root,
      code_verifier: own.verifier,
    });
    if (!answer.ok) {
      throw new SignInError(`The sign-in could not be completed (${answer.status}). Reload the page to sign in again.`);
    }
    return this.#person((await answer.json()) as Tokens);
  }

  /** Who was signed in before a reload, or before the ID token ended; nobody: the time is over. */
  async resumed(): Promise<Person | undefined> {
    const token = this.#browser.store.getItem(REFRESH_TOKEN);
    if (token === null) {
      return undefined;
    }
    const answer = await this.#post('oauth2/token', { grant_type: 'refresh_token', refresh_token: token });
    if (answer.status >= 500) {
      throw new TypeError(`the user pool answers ${answer.status}`); // as if it could not be reached
    }
    if (!answer.ok) {
      this.#browser.store.removeItem(REFRESH_TOKEN);
      return undefined;
    }
    return this.#person((await answer.json()) as Tokens);
  }

  /** Ends the session here and at the user pool. */
  async end(): Promise<void> {
    const token = this.#browser.store.getItem(REFRESH_TOKEN);
    this.#browser.store.removeItem(REFRESH_TOKEN);
    if (token !== null) {
      await this.#post('oauth2/revoke', { token }).catch(() => undefined); // it ends by itself where it is not revoked
    }
    this.#browser.leave(this.#page('logout', { logout_uri: this.#root }));
  }

  get #root(): string {
    return `${this.#browser.address().origin}/`;
  }

  #takeBegun(): Begun | undefined {
    const text = this.#browser.store.getItem(BEGUN);
    this.#browser.store.removeItem(BEGUN);
    return text === null ? undefined : (JSON.parse(text) as Begun);
  }

  #person(tokens: Tokens): Person {
    // It comes from the user pool itself, over TLS, so that its signature need not be looked at (OpenID Connect Core 1.0,
    // section 3.1.3.7, number 6).
    const claims = claimsOf(tokens.id_token);
    if (tokens.refresh_token !== undefined) {
      this.#browser.store.setItem(REFRESH_TOKEN, tokens.refresh_token);
    }
    if (claims['cognito:preferred_role'] === undefined) {
      throw new NoPersonaError(`${claims.email} is in no group of this console. An administrator can add you to one.`);
    }
    return {
      idToken: tokens.id_token,
      name: claims.email,
      endsAt: claims.exp * 1000,
      ahead: claims.iat * 1000 - this.#browser.now(),
    };
  }

  #page(path: string, query: Record<string, string>): string {
    return `${this.#config.domain}/${path}?${new URLSearchParams({ client_id: this.#config.clientId, ...query })}`;
  }

  #post(path: string, form: Record<string, string>): Promise<Response> {
    const body = new URLSearchParams({ client_id: this.#config.clientId, ...form });
    return this.#browser.fetch(`${this.#config.domain}/${path}`, { method: 'POST', body });
  }
}

/** Of the user pool's ID tokens (Amazon Cognito, "Understanding the identity (ID) token"); times in seconds. */
interface Claims {
  readonly email: string;
  readonly iat: number;
  readonly exp: number;
  readonly 'cognito:preferred_role'?: string;
}

function claimsOf(token: string): Claims {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (one) => one.charCodeAt(0)))) as Claims;
}

function random(bytes: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)));
}

async function challenge(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
