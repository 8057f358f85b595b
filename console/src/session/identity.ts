import type { Browser } from './browser.ts';
import type { CloudFrontConfig } from './config.ts';
import { SessionOverError } from './session.ts';
import type { Person } from './signin.ts';

/** What calls are signed with, of the role of the person's group. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** In milliseconds, by the clock of AWS. */
  readonly endsAt: number;
}

/** AWS refused, with a code of its own. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

/** The identity pool: who is signed in gets the credentials of a role (Amazon Cognito, "Enhanced authentication flow"). */
export class IdentityPool {
  readonly #config: CloudFrontConfig;
  readonly #browser: Browser;
  #identity: string | undefined;

  constructor(config: CloudFrontConfig, browser: Browser) {
    this.#config = config;
    this.#browser = browser;
  }

  /** Throws `SessionOverError` of whom the user pool knows no more, and `IdentityError`. */
  async credentials(person: Person): Promise<Credentials> {
    const provider = `cognito-idp.${this.#config.region}.amazonaws.com/${this.#config.userPoolId}`;
    const Logins = { [provider]: person.idToken };
    this.#identity ??= (
      await this.#ask<{ IdentityId: string }>('GetId', { IdentityPoolId: this.#config.identityPoolId, Logins })
    ).IdentityId;
    const { Credentials: given } = await this.#ask<Answer>('GetCredentialsForIdentity', {
      IdentityId: this.#identity,
      Logins,
    });
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretKey,
      sessionToken: given.SessionToken,
      endsAt: given.Expiration * 1000,
    };
  }

  async #ask<T>(operation: string, body: object): Promise<T> {
    const answer = await this.#browser.fetch(`https://cognito-identity.${this.#config.region}.amazonaws.com/`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': `AWSCognitoIdentityService.${operation}`,
      },
      body: JSON.stringify(body),
    });
    const said: unknown = await answer.json();
    if (answer.ok) {
      return said as T;
    }
    const code = (said as { __type?: string }).__type?.split('#').at(-1) ?? `${answer.status}`;
    if (code === 'NotAuthorizedException') {
      throw new SessionOverError();
    }
    throw new IdentityError(`The identity pool refuses: ${code}.`);
  }
}

interface Answer {
  readonly Credentials: {
    readonly AccessKeyId: string;
    readonly SecretKey: string;
    readonly SessionToken: string;
    /** Seconds since 1970. */
    readonly Expiration: number;
  };
}
