import { answered, type Interface, ofConnection, type Schemas } from './interface.ts';

export type Run = Schemas['RunOut'];

/** A time frame; what is left out is as the interface has it: a day, until now. */
export interface Frame {
  readonly from?: string;
  readonly to?: string;
}

const LIMIT = 200;

/** All runs of a time frame, oldest first, page by page. */
export async function loadRuns(api: Interface, id: string, frame: Frame, signal: AbortSignal): Promise<Run[]> {
  const runs: Run[] = [];
  let cursor: string | null = null;
  do {
    const query = { ...frame, limit: LIMIT, format: 'run' as const, ...(cursor !== null && { cursor }) };
    const call = api.GET('/connections/{connection_id}/runs', { params: { ...ofConnection(id), query }, signal });
    const page = (await answered(call)) as Schemas['RunPage']; // the other form is that of another `format`
    runs.push(...page.runs);
    cursor = page.cursor;
  } while (cursor !== null);
  return runs;
}

const HOUR_MS = 3_600_000;
/** When the hour of a run begins: its id is that hour, in UTC. */
export function hourOf(runId: string): Date {
  return new Date(runId);
}

/** The beginnings of so many hours, the last of which has `now` in it. */
export function hoursUntil(now: Date, count: number): Date[] {
  const last = Math.floor(now.getTime() / HOUR_MS) * HOUR_MS;
  return Array.from({ length: count }, (_, index) => new Date(last - (count - 1 - index) * HOUR_MS));
}

/** The hours of the day until now, as the interface counts it: the first and the last of them are in it in part. */
export function hoursOfDay(now: Date): Date[] {
  return hoursUntil(now, 25);
}
