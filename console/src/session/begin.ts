import type { Config } from './config.ts';
import type { Session } from './session.ts';

/** Opens the session of the host that `config.json` names. Throws where there is none. */
export async function begin(): Promise<Session> {
  const answer = await fetch('config.json', { cache: 'no-store' });
  if (!answer.ok) {
    throw new Error(`config.json: ${answer.status}`);
  }
  const config = (await answer.json()) as Config;
  switch (config.host) {
    case 'local':
      return (await import('./local.ts')).open(config);
    case 'cloudfront':
      return (await import('./cognito.ts')).open(config);
  }
}
