import { differences } from '../../api/differences.ts';
import type { Schemas } from '../../api/interface.ts';

type ConnectionIn = Omit<Schemas['ConnectionIn'], 'credentials'>;
type AudienceIn = Schemas['AudienceIn'];
type Needed = 'name' | 'munchkin_id' | 'workspace' | 'sync_type' | 'person_action' | 'dedupe_field' | 'source';

/** What is configured of a connection, without its credentials; what is left out is as the interface has it. */
export type Configuration = Pick<ConnectionIn, Needed> & Partial<Omit<ConnectionIn, Needed>>;

export type Row = Schemas['MappingRowBody'];
export type Recipient = Schemas['RecipientIn'];

/** An audience as it is to be; `activation_id` where it is activated already. */
export type Audience = Pick<AudienceIn, 'id' | 'name'> &
  Partial<Omit<AudienceIn, 'id' | 'name'>> & { readonly activation_id?: string };

/** What the stack had when the editing began. `recipients` null: the person may not see them. */
export interface Based {
  readonly connection: Schemas['ConnectionOut'];
  readonly etag: string | null;
  readonly audiences: Readonly<Record<string, Schemas['AudienceOut']>>;
  readonly recipients: readonly Recipient[] | null;
}

/** What a person is making of a connection. `based` null: there is none yet. */
export interface Draft {
  readonly step: number;
  readonly configuration: Configuration;
  readonly audiences: readonly Audience[];
  readonly recipients: readonly Recipient[] | null;
  readonly based: Based | null;
}

/** All properties of a configuration: what is shown of a connection besides is not configured. */
const PROPERTIES = Object.keys({
  name: true,
  description: true,
  munchkin_id: true,
  workspace: true,
  sync_type: true,
  person_action: true,
  partition: true,
  dedupe_field: true,
  source: true,
  mapping: true,
  limits: true,
  scope: true,
  on_invalid: true,
  resend_unchanged_after: true,
  lead_cache: true,
  generation: true,
  ecid_field: true,
  marketing_actions: true,
  consent: true,
  propagate_renames: true,
  verification: true,
  person_id: true,
  alerts: true,
} satisfies Record<keyof ConnectionIn, true>) as (keyof Configuration)[];

const AUDIENCE_PROPERTIES = Object.keys({
  id: true,
  namespace: true,
  name: true,
  data_type: true,
  origin: true,
  start: true,
  end: true,
  when_list_missing: true,
  labels: true,
  list: true,
} satisfies Record<keyof AudienceIn, true>) as (keyof AudienceIn)[];

/** What a new connection begins with; a person changes all of it. */
export const NEW: Configuration = {
  name: '',
  munchkin_id: '',
  workspace: 'Default',
  sync_type: 'audience_and_profile',
  person_action: 'update_existing_and_create_new',
  dedupe_field: 'email',
  source: { format: 'aep' } as Schemas['SourceIn'],
  mapping: [],
};

/** A draft of what there is. */
export function draftOf(based: Based, step: number): Draft {
  return {
    step,
    based,
    configuration: configurationOf(based.connection),
    audiences: Object.values(based.audiences).map(audienceOf),
    recipients: based.recipients,
  };
}

/** The draft with what the stack has by now; audiences that were activated meanwhile are known as such. */
export function rebased(draft: Draft, based: Based): Draft {
  const activated = Object.values(based.audiences);
  const audiences = draft.audiences.map((one) => {
    const there = activated.find((other) => isSameAudience(one, other));
    return there ? { ...one, activation_id: there.activation_id } : one;
  });
  return { ...draft, based, audiences };
}

/** Namespaces are compared without case (docs/configuration.md, "Namespaces"). */
export function isSameAudience(one: Named, other: Named): boolean {
  return one.id === other.id && (one.namespace ?? '').toLowerCase() === (other.namespace ?? '').toLowerCase();
}

type Named = Pick<Audience, 'id' | 'namespace'>;

/** What is configured of a connection, from how it is shown. */
export function configurationOf(shown: object): Configuration {
  return picked(shown, PROPERTIES) as unknown as Configuration;
}

function audienceOf(shown: Schemas['AudienceOut']): Audience {
  const { list, activation_id } = shown;
  return {
    ...(picked(shown, AUDIENCE_PROPERTIES) as unknown as Audience),
    list: list && { id: list.id },
    activation_id,
  };
}

/** An audience as the interface takes it. */
export function audienceBody(audience: Audience): AudienceIn {
  return picked(audience, AUDIENCE_PROPERTIES) as unknown as AudienceIn;
}

/** The JSON merge patch that makes the connection as the draft has it. */
export function patchOf(draft: Draft): Partial<Configuration> {
  const { configuration, based } = draft;
  if (based === null) {
    return configuration;
  }
  const before = configurationOf(based.connection);
  const changed = PROPERTIES.filter((name) => isOther(before[name], configuration[name]));
  return picked(configuration, changed) as Partial<Configuration>;
}

/** The steps that make the audiences as the draft has them. */
export interface AudienceSteps {
  readonly added: readonly Audience[];
  readonly changed: readonly (Audience & { readonly activation_id: string })[];
  readonly removed: readonly string[];
}

export function audienceSteps({ audiences, based }: Draft): AudienceSteps {
  const before = based?.audiences ?? {};
  const kept = new Map(audiences.flatMap((one) => (one.activation_id ? [[one.activation_id, one] as const] : [])));
  return {
    added: audiences.filter((one) => one.activation_id === undefined),
    changed: [...kept].flatMap(([id, one]) => {
      const was = before[id];
      return was && isOther(audienceBody(audienceOf(was)), audienceBody(one)) ? [{ ...one, activation_id: id }] : [];
    }),
    removed: Object.keys(before).filter((id) => !kept.has(id)),
  };
}

export function hasOtherRecipients({ recipients, based }: Draft): boolean {
  return recipients !== null && isOther(based?.recipients ?? [], recipients);
}

/** Whether saving would change anything. */
export function isChanged(draft: Draft): boolean {
  const { added, changed, removed } = audienceSteps(draft);
  const steps = added.length + changed.length + removed.length;
  return Object.keys(patchOf(draft)).length > 0 || steps > 0 || hasOtherRecipients(draft);
}

const KEPT_AS = 'wizard:';

/** The draft that was kept in this window, without any secret; of a new connection, id is null. */
export function keptDraft(id: string | null): Draft | null {
  const kept = sessionStorage.getItem(KEPT_AS + (id ?? ''));
  return kept === null ? null : (JSON.parse(kept) as Draft);
}

export function keepDraft(id: string | null, draft: Draft | null): void {
  if (draft === null) {
    sessionStorage.removeItem(KEPT_AS + (id ?? ''));
  } else {
    sessionStorage.setItem(KEPT_AS + (id ?? ''), JSON.stringify(draft));
  }
}

function isOther(before: unknown, now: unknown): boolean {
  return differences(before ?? null, now ?? null).length > 0;
}

function picked<T extends object, N extends string>(from: T, names: readonly N[]): Partial<Record<N, unknown>> {
  const found = from as Partial<Record<N, unknown>>;
  return Object.fromEntries(
    names.filter((name) => found[name] !== undefined).map((name) => [name, found[name]]),
  ) as Partial<Record<N, unknown>>;
}
