import type { Schemas } from '../api/interface.ts';
import { texts } from '../texts.ts';

/** What parked events wait for: the interface's word, by which the documents know it, and what it means. */
export function waited(waitsFor: Schemas['WaitsFor']): string {
  return `${waitsFor}: ${texts.waits[waitsFor]}`;
}
