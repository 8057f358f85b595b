/** What `config.json` says, beside the application: which host it is, and what that host needs to know. */
export type Config = LocalConfig | CloudFrontConfig;

/** The command `destination console`: it passes calls below `api/` on, signed. */
export interface LocalConfig {
  readonly host: 'local';
  /** Which stack it is, for a person to read. */
  readonly stack: string;
}

/** The stack's own host: the browser signs its calls. */
export interface CloudFrontConfig {
  readonly host: 'cloudfront';
  readonly apiUrl: string;
  readonly region: string;
  readonly userPoolId: string;
  readonly clientId: string;
  readonly identityPoolId: string;
  /** Where people sign in: the address of the user pool's pages. */
  readonly domain: string;
}
