import { AwsClient } from 'aws4fetch';
import { type Browser, thisBrowser } from './browser.ts';
import type { CloudFrontConfig } from './config.ts';
import { type Credentials, IdentityPool } from './identity.ts';
import type { Put, Watch } from './put.ts';
import { type Session, SessionOverError } from './session.ts';
import { type Person, SignIn } from './signin.ts';

/** What is nearer to its end is renewed before it is used: a call must not arrive after the end. */
const MARGIN_MS = 5 * 60 * 1000;

/**
 * The session of the stack's own host: people sign in at the user pool, and the browser signs their calls (AWS
 * Signature Version 4) as the role of their group, so that IAM decides.
 *
 * Leaves the page, and comes to no end, where nobody is signed in. Throws `SignInError` and `NoPersonaError`.
 */
export async function open(config: CloudFrontConfig, browser: Browser = thisBrowser): Promise<Session> {
  const signIn = new SignIn(config, browser);
  const person = (await signIn.returned()) ?? (await signIn.resumed());
  if (person === undefined) {
    await signIn.begin();
    return new Promise<never>(() => undefined);
  }
  return new CognitoSession(config, browser, signIn, person);
}

class CognitoSession implements Session {
  readonly person: string;
  readonly #config: CloudFrontConfig;
  readonly #browser: Browser;
  readonly #signIn: SignIn;
  readonly #pool: IdentityPool;
  #signedIn: Person;
  #credentials: Credentials | undefined;
  /** What is being renewed, for all calls that come meanwhile: a refresh token is good for one use. */
  #renewing: Promise<Credentials> | undefined;

  constructor(config: CloudFrontConfig, browser: Browser, signIn: SignIn, person: Person) {
    this.person = person.name;
    this.#config = config;
    this.#browser = browser;
    this.#signIn = signIn;
    this.#pool = new IdentityPool(config, browser);
    this.#signedIn = person;
  }

  async fetch(path: string, init?: RequestInit): Promise<Response> {
    const credentials = await this.#current();
    const client = new AwsClient({ ...credentials, service: 'execute-api', region: this.#config.region, retries: 0 });
    // AWS refuses what is signed five minutes off its clock.
    const datetime = new Date(this.#now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, '');
    return this.#browser.fetch(await client.sign(`${this.#config.apiUrl}${path}`, { ...init, aws: { datetime } }));
  }

  put(address: string, file: Blob, watch: Watch): Promise<Put> {
    return this.#browser.put(address, file, watch); // the address is signed already
  }

  signOut(): Promise<void> {
    return this.#signIn.end();
  }

  signIn(): Promise<void> {
    return this.#signIn.begin();
  }

  async #current(): Promise<Credentials> {
    if (this.#credentials !== undefined && this.#isGood(this.#credentials)) {
      return this.#credentials;
    }
    this.#renewing ??= this.#renewed().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewed(): Promise<Credentials> {
    if (!this.#isGood(this.#signedIn)) {
      const resumed = await this.#signIn.resumed();
      if (resumed === undefined) {
        throw new SessionOverError();
      }
      this.#signedIn = resumed;
    }
    this.#credentials = await this.#pool.credentials(this.#signedIn);
    return this.#credentials;
  }

  #isGood(one: { readonly endsAt: number }): boolean {
    return one.endsAt - this.#now() > MARGIN_MS;
  }

  #now(): number {
    return this.#browser.now() + this.#signedIn.ahead;
  }
}
