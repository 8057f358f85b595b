/** Keys of a body that are no attributes, whatever the sender. */
const NO_ATTRIBUTES = new Set(['segmentMembership', 'identityMap']);
const MAX_PATHS = 500;

/**
 * Paths into a sample that a mapping can begin with: those of its first record, and the identities that it has. They are
 * offered and nothing more; whether a path is right, the interface says. Throws SyntaxError for what is no JSON.
 */
export function pathsOf(sample: string): string[] {
  const record = profileOf(firstOf(JSON.parse(sample)));
  return [...identities(record), ...attributes(record, '')].slice(0, MAX_PATHS);
}

/** A body is a record, a list of records, or an object that has such a list. */
function firstOf(body: unknown): unknown {
  if (Array.isArray(body)) {
    return body[0];
  }
  const lists = isObject(body) ? [body.events, body.profiles, body.records] : [];
  return lists.find(Array.isArray)?.[0] ?? body;
}

function profileOf(record: unknown): unknown {
  return isObject(record) && isObject(record.profile) ? record.profile : record;
}

function* identities(record: unknown): Generator<string> {
  const map = isObject(record) ? record.identityMap : null;
  for (const namespace of isObject(map) ? Object.keys(map) : []) {
    yield `identityMap.${namespace}`;
  }
}

function* attributes(value: unknown, path: string): Generator<string> {
  if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (path !== '' || !NO_ATTRIBUTES.has(name)) {
        yield* attributes(inner, path === '' ? name : `${path}.${name}`);
      }
    }
  } else if (Array.isArray(value) && isObject(value[0])) {
    yield* attributes(value[0], `${path}[0]`);
  } else if (path !== '') {
    yield path;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
