/** What a value must be for the wizard to show it; whether it is right, the interface says. Null is what is not said. */
type Shape =
  | 'text'
  | 'number'
  | 'flag'
  | 'texts'
  | 'list'
  | 'object'
  | { readonly of: Shapes }
  | { readonly each: Shapes };
type Shapes = Readonly<Record<string, Shape>>;

const AUDIENCE: Shapes = {
  id: 'text',
  namespace: 'text',
  name: 'text',
  start: 'text',
  end: 'text',
  when_list_missing: 'text',
  labels: 'texts',
  list: 'object',
};
const ROW: Shapes = {
  source: 'text',
  target: 'text',
  when_missing: 'text',
  when_empty: 'text',
  opt_in: 'text',
  join: 'text',
  labels: 'texts',
};
const FILE: Shapes = {
  id: 'text',
  enabled: 'flag',
  credentials: 'object',
  audiences: { each: AUDIENCE },
  name: 'text',
  description: 'text',
  munchkin_id: 'text',
  workspace: 'text',
  sync_type: 'text',
  person_action: 'text',
  partition: 'text',
  dedupe_field: 'text',
  source: { of: { format: 'text' } },
  mapping: { each: ROW },
  limits: {
    of: { daily_calls: 'number', calls_per_20s: 'number', concurrency: 'number', lead_updates_per_hour: 'number' },
  },
  scope: 'text',
  on_invalid: 'text',
  marketing_actions: 'texts',
  alerts: 'list',
  consent: { of: { source: 'text', allowed: 'texts' } },
};
/** Without them a part of a configuration cannot be shown at all. */
const NEEDED = ['source', 'name', 'munchkin_id', 'workspace', 'sync_type', 'person_action', 'dedupe_field'];

/** The paths in a file's content that the wizard could not show. */
export function misshapen(content: Record<string, unknown>): string[] {
  const emptied = NEEDED.filter((name) => content[name] === null);
  return [...emptied, ...wrong(content, FILE, '')];
}

function wrong(value: object, shapes: Shapes, path: string): string[] {
  const found = value as Record<string, unknown>;
  return Object.entries(shapes).flatMap(([name, shape]) => flaws(found[name], shape, path + name));
}

function flaws(value: unknown, shape: Shape, path: string): string[] {
  if (value === undefined || value === null) {
    return [];
  }
  if (typeof shape === 'string') {
    return isOf(value, shape) ? [] : [path];
  }
  if ('of' in shape) {
    return isObject(value) ? wrong(value, shape.of, `${path}.`) : [path];
  }
  if (!Array.isArray(value)) {
    return [path];
  }
  return value.flatMap((one: unknown, index) => {
    const at = `${path}[${index}]`;
    return isObject(one) ? wrong(one, shape.each, `${at}.`) : [at];
  });
}

function isOf(value: unknown, shape: Extract<Shape, string>): boolean {
  switch (shape) {
    case 'text':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number';
    case 'flag':
      return typeof value === 'boolean';
    case 'texts':
      return Array.isArray(value) && value.every((one) => typeof one === 'string');
    case 'list':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
