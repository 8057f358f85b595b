/** What somebody who was refused a call needs for it: the permissions of which one is enough, and who has them. */
export interface Needed {
  readonly permissions: readonly string[];
  readonly personas: readonly string[];
}

/** Null for a call that nobody can be permitted. The table is that of the command (docs/permissions.py makes it). */
export async function neededFor(method: string, path: string): Promise<Needed | null> {
  const { default: table } = await import('../../../client/destination_client/permissions.json');
  const asked = path.split('?')[0] ?? '';
  const found = Object.entries<Needed>(table).find(([call]) => isCall(call, method, asked));
  return found?.[1] ?? null;
}

function isCall(call: string, method: string, path: string): boolean {
  const [itsMethod, pattern = ''] = call.split(' ');
  const parts = pattern.split('/');
  const asked = path.split('/');
  return (
    itsMethod === method &&
    parts.length === asked.length &&
    parts.every((part, index) => part.startsWith('{') || part === asked[index])
  );
}
