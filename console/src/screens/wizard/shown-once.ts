import type { Schemas } from '../../api/interface.ts';

/** What opens the webhook of connections that this page made. It is in no store: a reload loses it, as it must. */
const given = new Map<string, Schemas['IngestOut']>();

export function remember(id: string, ingest: Schemas['IngestOut']): void {
  given.set(id, ingest);
}

export function remembered(id: string): Schemas['IngestOut'] | null {
  return given.get(id) ?? null;
}
