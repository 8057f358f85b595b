import type { Schemas } from '../../api/interface.ts';
import type { Configuration, Draft } from './draft.ts';
import type { Findings } from './findings.ts';

/** What every step of the wizard is given. */
export interface Step {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly configure: (part: Partial<Configuration>) => void;
  readonly findings: Findings;
}

/** What is held in the page's memory alone. */
export interface Unkept {
  readonly credentials: Schemas['CredentialsIn'];
  readonly sample: string;
}
