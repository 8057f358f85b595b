import type { Audience, Configuration, Draft } from './draft.ts';
import { audienceBody, configurationOf, isSameAudience } from './draft.ts';
import { misshapen } from './shape.ts';

/** What a file says of a connection; what it does not name is to stay as it is. */
export interface Opened {
  readonly id: string | null;
  readonly configuration: Partial<Configuration>;
  readonly audiences: readonly Audience[] | null;
}

/** Thrown for what is no file of one connection; the message says why. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError';
}

const CREDENTIALS = { client_id: '$' + '{MARKETO_CLIENT_ID}', client_secret: '$' + '{MARKETO_CLIENT_SECRET}' };

/** The draft as `destination apply` takes it (docs/client.md, "Connections as files"), with references in place of secrets. */
export async function written(draft: Draft): Promise<string> {
  const { stringify } = await import('yaml');
  const { connection } = draft.based ?? {};
  const document = {
    ...(connection && { id: connection.id }),
    ...literal(told(draft.configuration)),
    credentials: CREDENTIALS,
    audiences: draft.audiences.map((one) => literal(told(audienceBody(one)))),
    ...(connection && { enabled: connection.status === 'enabled' || connection.status === 'blocked' }),
  };
  // The 1.1 quoting covers every reader: what only one of them takes for a boolean or a date is quoted
  return stringify(document, { compat: 'yaml-1.1', lineWidth: 120 });
}

/** Reads a file of one connection. Throws UnreadableFileError. Credentials of a file are not taken: they are references. */
export async function opened(text: string): Promise<Opened> {
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(text, { schema: 'core', merge: false });
  const [document] = documents;
  if (!document || documents.length !== 1) {
    throw new UnreadableFileError(`${documents.length}`);
  }
  const [error] = document.errors;
  if (error) {
    throw new UnreadableFileError(error.message);
  }
  const content: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UnreadableFileError('');
  }
  const flaws = [...unknown(content), ...misshapen(content as Record<string, unknown>)];
  if (flaws.length > 0) {
    throw new UnreadableFileError(flaws.join(', '));
  }
  const { id, audiences } = content as { id?: string; audiences?: unknown };
  return {
    id: id ?? null,
    configuration: plain(configurationOf(content)) as Partial<Configuration>,
    audiences: Array.isArray(audiences) ? (plain(audiences) as Audience[]) : null,
  };
}

const OWN = ['id', 'enabled', 'credentials', 'audiences'];

/** A property that is mistyped must not be lost without a word. */
function unknown(content: object): string[] {
  const known = [...Object.keys(configurationOf(content)), ...OWN];
  return Object.keys(content).filter((name) => !known.includes(name));
}

/** The draft with what the file says; audiences of the file are those that are activated already, where they are. */
export function overlaid(draft: Draft, file: Opened): Draft {
  const audiences = file.audiences?.map((one) => {
    const there = draft.audiences.find((other) => isSameAudience(one, other));
    return { ...there, ...one };
  });
  const unnamed = draft.audiences.filter(
    (one) => !audiences?.some((other) => other.activation_id === one.activation_id),
  );
  return {
    ...draft,
    configuration: merged(draft.configuration, file.configuration) as Configuration,
    audiences: audiences ? [...unnamed.filter((one) => one.activation_id), ...audiences] : draft.audiences,
  };
}

/** What is there with what is said: within objects, too, what is not named stays. */
function merged(there: unknown, said: unknown): unknown {
  if (!(isPlain(there) && isPlain(said))) {
    return said;
  }
  const named = Object.entries(said).map(([name, one]) => [name, merged(there[name], one)]);
  return { ...there, ...Object.fromEntries(named) };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without what says nothing. */
function told<T extends object>(properties: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
  ) as Partial<T>;
}

const REFERENCE = /\$\{(?=[A-Za-z_][A-Za-z0-9_]*\})/g;
const LITERAL = /\$\$\{(?=[A-Za-z_][A-Za-z0-9_]*\})/g;

/** `$${NAME}` is the text `${NAME}` in a file. */
function literal(value: unknown): object {
  return mapped(value, (text) => text.replace(REFERENCE, '$$$${')) as object;
}

function plain(value: unknown): unknown {
  return mapped(value, (text) => text.replace(LITERAL, '$${'));
}

function mapped(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') {
    return change(value);
  }
  if (Array.isArray(value)) {
    return value.map((one) => mapped(one, change));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, mapped(one, change)]));
  }
  return value;
}
