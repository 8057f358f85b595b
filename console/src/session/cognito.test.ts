import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { beforeEach, describe, test } from 'node:test';
import type { Browser } from './browser.ts';
import { open } from './cognito.ts';
import type { CloudFrontConfig } from './config.ts';
import { SessionOverError } from './session.ts';

const CONFIG: CloudFrontConfig = {
  host: 'cloudfront',
  apiUrl: 'https://abc123.execute-api.eu-central-1.amazonaws.com/live',
  region: 'eu-central-1',
  userPoolId: 'eu-central-1_Ab12',
  clientId: 'client-1',
  identityPoolId: 'eu-central-1:pool',
  domain: 'https://destination-1.auth.eu-central-1.amazoncognito.com',
};
const ROOT = 'https://d111.cloudfront.net/';
const HOUR = 3_600_000;
const ROLE = 'arn:aws:iam::111122223333:role/destination-ConsoleMarketerRole-AB12';

/** Amazon Cognito, the API and a browser's tab, as far as signing in goes. Its clock is AWS's. */
class World {
  time = Date.UTC(2026, 10, 29, 12);
  /** By how much the browser's clock is behind. */
  behind = 0;
  address = ROOT;
  left: string[] = [];
  items = new Map<string, string>();
  calls: Request[] = [];
  puts: [address: string, content: string][] = [];
  /** Refresh tokens that are good, each for one use. */
  refreshTokens = new Set<string>();
  role: string | undefined = ROLE;
  verifiers: string[] = [];
  revoked: string[] = [];
  refreshes = 0;
  credentials = 0;
  refuses: { status: number; type?: string } | undefined;
  offline = false;

  browser: Browser = {
    fetch: (input, init) => this.answer(new Request(input, init)),
    put: async (address, file) => {
      this.puts.push([address, await file.text()]);
      return new Response();
    },
    now: () => this.time - this.behind,
    address: () => new URL(this.address),
    leave: (address) => void this.left.push(address),
    rename: (address) => {
      this.address = address;
    },
    store: {
      getItem: (name) => this.items.get(name) ?? null,
      setItem: (name, value) => void this.items.set(name, value),
      removeItem: (name) => void this.items.delete(name),
    },
  };

  async answer(request: Request): Promise<Response> {
    if (this.offline) {
      throw new TypeError('Failed to fetch');
    }
    const url = new URL(request.url);
    if (url.href.startsWith(CONFIG.apiUrl)) {
      this.calls.push(request);
      return Response.json({});
    }
    if (url.origin === CONFIG.domain) {
      return this.userPool(url.pathname, new URLSearchParams(await request.text()));
    }
    assert.equal(url.href, 'https://cognito-identity.eu-central-1.amazonaws.com/');
    return this.identityPool(request.headers.get('X-Amz-Target') ?? '', await request.json());
  }

  userPool(path: string, form: URLSearchParams): Response {
    assert.equal(form.get('client_id'), CONFIG.clientId);
    if (path === '/oauth2/revoke') {
      this.revoked.push(form.get('token') ?? '');
      return new Response(null, { status: 200 });
    }
    if (this.refuses !== undefined) {
      return Response.json({ error: 'invalid_grant' }, { status: this.refuses.status });
    }
    if (form.get('grant_type') === 'authorization_code') {
      assert.deepEqual([form.get('code'), form.get('redirect_uri')], ['code-1', ROOT]);
      this.verifiers.push(form.get('code_verifier') ?? '');
      return Response.json(this.tokens());
    }
    this.refreshes += 1;
    const good = this.refreshTokens.delete(form.get('refresh_token') ?? '');
    return good ? Response.json(this.tokens()) : Response.json({ error: 'invalid_grant' }, { status: 400 });
  }

  tokens(): object {
    const now = Math.floor(this.time / 1000);
    const role = this.role === undefined ? {} : { 'cognito:preferred_role': this.role };
    const claims = { email: 'jörg@example.org', iat: now, exp: now + 3600, ...role };
    const refresh = `refresh-${this.refreshes}`;
    this.refreshTokens.add(refresh);
    return {
      id_token: `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`,
      refresh_token: refresh,
    };
  }

  identityPool(target: string, body: Record<string, unknown>): Response {
    const logins = Object.keys(body.Logins as object);
    assert.deepEqual(logins, ['cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12']);
    if (this.refuses !== undefined) {
      return Response.json({ __type: this.refuses.type }, { status: this.refuses.status });
    }
    if (target === 'AWSCognitoIdentityService.GetId') {
      assert.equal(body.IdentityPoolId, CONFIG.identityPoolId);
      return Response.json({ IdentityId: 'identity-1' });
    }
    assert.deepEqual([target, body.IdentityId], ['AWSCognitoIdentityService.GetCredentialsForIdentity', 'identity-1']);
    this.credentials += 1;
    const Credentials = {
      AccessKeyId: `ASIA${this.credentials}`,
      SecretKey: 'secret',
      SessionToken: 'session',
      Expiration: (this.time + HOUR) / 1000,
    };
    return Response.json({ Credentials });
  }

  /** Where the person was sent to sign in. */
  async sentAway(): Promise<URLSearchParams> {
    void open(CONFIG, this.browser);
    await until(() => this.left.length > 0);
    const page = new URL(this.left.pop() ?? '');
    assert.equal(page.origin + page.pathname, `${CONFIG.domain}/oauth2/authorize`);
    return page.searchParams;
  }

  /** A session of somebody who has just signed in. */
  async signedIn(): Promise<Awaited<ReturnType<typeof open>>> {
    const state = (await this.sentAway()).get('state');
    this.address = `${ROOT}?code=code-1&state=${state}`;
    return open(CONFIG, this.browser);
  }
}

/** Digests are made by other threads, which may take their time where the machine is busy. */
async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds() && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(holds());
}

/** The signature of a request by the rules of AWS ("Create a signed AWS API request"), written down once more. */
async function signature(request: Request): Promise<string> {
  const [, scope, signed] =
    /Credential=[^/]+\/(\S+), SignedHeaders=(\S+),/.exec(request.headers.get('Authorization') ?? '') ?? [];
  assert.ok(scope !== undefined && signed !== undefined);
  const url = new URL(request.url);
  const headers = signed
    .split(';')
    .map((name) => `${name}:${name === 'host' ? url.host : request.headers.get(name)}\n`);
  const query = [...url.searchParams].map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  const path = url.pathname.split('/').map(encodeURIComponent).join('/');
  const canonical = [
    request.method,
    path,
    query.sort().join('&'),
    headers.join(''),
    signed,
    sha256(await request.clone().text()),
  ];
  const text = ['AWS4-HMAC-SHA256', request.headers.get('X-Amz-Date'), scope, sha256(canonical.join('\n'))].join('\n');
  const key = scope
    .split('/')
    .reduce((made, part) => createHmac('sha256', made).update(part).digest(), Buffer.from('AWS4secret'));
  return createHmac('sha256', key).update(text).digest('hex');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

let world: World;
beforeEach(() => {
  world = new World();
});

describe('signing in', () => {
  test('begins at the page of the user pool, with a challenge and a state', async () => {
    const asked = await world.sentAway();
    assert.equal(asked.get('response_type'), 'code');
    assert.equal(asked.get('client_id'), CONFIG.clientId);
    assert.equal(asked.get('redirect_uri'), ROOT);
    assert.equal(asked.get('scope'), 'openid email');
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.ok((asked.get('state') ?? '').length >= 20);
  });

  test('every sign-in has a challenge and a state of its own', async () => {
    const [one, other] = [await world.sentAway(), await world.sentAway()];
    assert.notEqual(one.get('state'), other.get('state'));
    assert.notEqual(one.get('code_challenge'), other.get('code_challenge'));
  });

  test('the code is redeemed with the verifier of its challenge, and leaves the address', async () => {
    world.address = `${ROOT}#/connections/c-1`;
    const asked = await world.sentAway();
    world.address = `${ROOT}?code=code-1&state=${asked.get('state')}`;
    const session = await open(CONFIG, world.browser);

    assert.equal(session.person, 'jörg@example.org');
    assert.equal(world.address, `${ROOT}#/connections/c-1`, 'where the person was');
    const [verifier] = world.verifiers;
    assert.match(verifier ?? '', /^[\w-]{43}$/);
    assert.equal(
      createHash('sha256')
        .update(verifier ?? '')
        .digest('base64url'),
      asked.get('code_challenge'),
    );
  });

  for (const state of ['another', undefined]) {
    test(`a code with ${state ?? 'no'} state is somebody else's, and another sign-in begins`, async () => {
      await world.sentAway();
      world.address = `${ROOT}?code=code-1${state === undefined ? '' : `&state=${state}`}`;
      await world.sentAway();
      assert.deepEqual(world.verifiers, []);
      assert.equal(world.address, ROOT);
    });
  }

  test('the state is good for one use', async () => {
    const state = (await world.sentAway()).get('state');
    world.address = `${ROOT}?code=code-1&state=${state}`;
    await open(CONFIG, world.browser);
    world.items.delete('console.refresh-token');
    world.address = `${ROOT}?code=code-1&state=${state}`;
    await world.sentAway();
    assert.equal(world.verifiers.length, 1);
  });

  test('a refusal is told by its code, and not tried again', async () => {
    for (const [error, says] of [
      ['access_denied', /refused: access_denied\./],
      ['<b>call 555</b>', /refused: no reason given\./],
    ] as const) {
      world.address = `${ROOT}?error=${encodeURIComponent(error)}&error_description=anything`;
      await assert.rejects(open(CONFIG, world.browser), says);
      assert.equal(world.address, ROOT);
      assert.deepEqual(world.left, []);
    }
  });

  test('a code that the user pool does not take is told, and not tried again', async () => {
    const state = (await world.sentAway()).get('state');
    world.refuses = { status: 400 };
    world.address = `${ROOT}?code=code-1&state=${state}`;
    await assert.rejects(open(CONFIG, world.browser), { name: 'SignInError' });
    assert.deepEqual(world.left, []);
  });

  test('who is in no group is told so', async () => {
    world.role = undefined;
    await assert.rejects(world.signedIn(), { name: 'NoPersonaError', message: /jörg@example\.org is in no group/ });
  });

  test('of all tokens the refresh token alone is stored', async () => {
    await world.signedIn();
    assert.deepEqual([...world.items], [['console.refresh-token', 'refresh-0']]);
  });
});

describe('a reload', () => {
  test('is no new sign-in, and uses each refresh token once', async () => {
    await world.signedIn();
    const again = await open(CONFIG, world.browser);
    assert.equal(again.person, 'jörg@example.org');
    assert.equal((await open(CONFIG, world.browser)).person, 'jörg@example.org');
    assert.deepEqual([world.refreshes, world.left], [2, []]);
  });

  test('after the working day is a new sign-in', async () => {
    await world.signedIn();
    world.refreshTokens.clear();
    await world.sentAway();
    assert.equal(world.items.has('console.refresh-token'), false);
  });

  test('while the user pool stumbles keeps the session', async () => {
    await world.signedIn();
    world.refuses = { status: 503 };
    await assert.rejects(open(CONFIG, world.browser), TypeError);
    world.refuses = undefined;
    assert.equal((await open(CONFIG, world.browser)).person, 'jörg@example.org');
  });
});

describe('a call', () => {
  test('is signed as AWS says', async () => {
    const session = await world.signedIn();
    await session.fetch('/connections/c-1/runs/2026-11-21T10%3A00Z/persons?code=A%20B&limit=5');
    await session.fetch('/connections/c-1', {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json', 'If-Match': '"3"' },
      body: '{"name":"Jörg"}',
    });

    assert.equal(world.calls.length, 2);
    for (const call of world.calls) {
      const sent = call.headers.get('Authorization') ?? '';
      assert.match(sent, /Credential=ASIA1\/20261129\/eu-central-1\/execute-api\/aws4_request/);
      assert.match(sent, /SignedHeaders=\S*x-amz-date;x-amz-security-token/);
      assert.equal(/Signature=(\w+)/.exec(sent)?.[1], await signature(call));
      assert.equal(call.headers.get('X-Amz-Security-Token'), 'session');
    }
    const [, changed] = world.calls;
    assert.equal(changed?.headers.get('If-Match'), '"3"');
    assert.equal(await changed?.text(), '{"name":"Jörg"}');
  });

  test('does without a signature where a file is put, whose address is signed', async () => {
    const session = await world.signedIn();
    const address = 'https://bucket.s3.eu-central-1.amazonaws.com/uploads/people.csv?X-Amz-Signature=0';
    const watch = { onSent: () => undefined, signal: new AbortController().signal };
    assert.equal((await session.put(address, new Blob(['email']), watch)).status, 200);
    assert.deepEqual(world.puts, [[address, 'email']]);
    assert.equal(world.credentials, 0);
  });

  test('carries no header that the interface does not let a browser send', async () => {
    const session = await world.signedIn();
    await session.fetch('/connections', {
      headers: { 'If-Match': '*', 'Content-Type': 'application/json' },
      method: 'POST',
      body: '{}',
    });
    const allowed = [
      'authorization',
      'content-type',
      'if-match',
      'x-amz-content-sha256',
      'x-amz-date',
      'x-amz-security-token',
    ];
    assert.deepEqual(
      [...(world.calls[0]?.headers.keys() ?? [])].filter((name) => !allowed.includes(name)),
      [],
    );
  });

  test('by a wrong clock is dated as AWS dates it', async () => {
    world.behind = -3 * HOUR;
    const session = await world.signedIn();
    await session.fetch('/connections');
    assert.equal(world.calls[0]?.headers.get('X-Amz-Date'), '20261129T120000Z');
    assert.equal(world.credentials, 1);
    await session.fetch('/connections');
    assert.equal(world.credentials, 1, 'they are not over because the clock says so');
  });

  test('of many at once asks for credentials once', async () => {
    const session = await world.signedIn();
    await Promise.all([1, 2, 3, 4, 5].map(() => session.fetch('/connections')));
    assert.deepEqual([world.credentials, world.calls.length], [1, 5]);
  });

  test('has credentials that are renewed before they end, and a token too', async () => {
    const session = await world.signedIn();
    await session.fetch('/connections');
    world.time += HOUR - 6 * 60_000;
    await session.fetch('/connections');
    assert.deepEqual([world.refreshes, world.credentials], [0, 1]);
    world.time += 2 * 60_000;
    await Promise.all([1, 2, 3].map(() => session.fetch('/connections')));
    assert.deepEqual([world.refreshes, world.credentials], [1, 2]);
  });

  test('after the end of the session says so, each time', async () => {
    const session = await world.signedIn();
    world.refreshTokens.clear();
    world.time += 2 * HOUR;
    await assert.rejects(session.fetch('/connections'), SessionOverError);
    await assert.rejects(session.fetch('/connections'), SessionOverError);
    assert.deepEqual(world.left, [], 'the page stays, with what is on it');
    await session.signIn();
    assert.equal(world.left.length, 1);
  });

  test('of somebody whom the user pool knows no more is the end of the session', async () => {
    const session = await world.signedIn();
    world.refuses = { status: 400, type: 'NotAuthorizedException' };
    await assert.rejects(session.fetch('/connections'), SessionOverError);
  });

  test('is possible again after AWS refused otherwise, or was out of reach', async () => {
    const session = await world.signedIn();
    world.refuses = { status: 400, type: 'TooManyRequestsException' };
    await assert.rejects(session.fetch('/connections'), { name: 'IdentityError', message: /TooManyRequestsException/ });
    world.refuses = undefined;
    world.offline = true;
    await assert.rejects(session.fetch('/connections'), TypeError);
    world.offline = false;
    assert.equal((await session.fetch('/connections')).status, 200);
  });
});

describe('signing out', () => {
  test('ends the session here and at the user pool', async () => {
    const session = await world.signedIn();
    await session.signOut();
    assert.deepEqual(world.revoked, ['refresh-0']);
    assert.equal(world.items.size, 0);
    const page = new URL(world.left[0] ?? '');
    assert.equal(page.origin + page.pathname, `${CONFIG.domain}/logout`);
    assert.deepEqual(Object.fromEntries(page.searchParams), { client_id: 'client-1', logout_uri: ROOT });
  });

  test('leaves the page even where nothing can be reached', async () => {
    const session = await world.signedIn();
    world.offline = true;
    await session.signOut();
    assert.deepEqual([world.items.size, world.left.length], [0, 1]);
  });
});
