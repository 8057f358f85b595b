import type { Schemas } from '../../api/interface.ts';
import { texts } from '../../texts.ts';

const words = texts.problems;

/** How the list of an audience is read, and why an extract of it was given up; of one not begun yet, nothing. */
export function listRead({ phase, extract }: Pick<Schemas['AudienceCheckOut'], 'phase' | 'extract'>): string {
  if (extract === null) {
    return phase === 'pending' ? texts.none : words.byPages;
  }
  const told = words.byExtract[extract.stage];
  return extract.code === null ? told : words.becauseOf(told, extract.code);
}
