/** A property that two readings of one thing have different values for. */
export interface Difference {
  readonly path: string;
  readonly before: string;
  readonly now: string;
}

const MISSING = '';

/** Where two answers differ, by path. Lists are compared as a whole: a row that moved would be told of many times. */
export function differences(before: unknown, now: unknown, path = ''): Difference[] {
  if (isRecord(before) && isRecord(now)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return names.flatMap((name) => differences(before[name], now[name], path ? `${path}.${name}` : name));
  }
  const [said, says] = [written(before), written(now)];
  return said === says ? [] : [{ path, before: said, now: says }];
}

function written(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? MISSING);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
