import { answered, type Interface, ofConnection, type Schemas } from '../../api/interface.ts';
import { audienceBody, audienceSteps, type Based, type Draft, hasOtherRecipients, patchOf } from './draft.ts';

type Credentials = Schemas['CredentialsIn'];

/** Makes a connection of the draft: one that is not enabled, and has no audiences yet. */
export function create(api: Interface, draft: Draft, credentials: Credentials | null) {
  const body = { ...draft.configuration, credentials } as Schemas['ConnectionIn'];
  return answered(api.POST('/connections', { body }));
}

/** What is to be saved. `now` is what the stack has, whose versions the steps are based on. */
interface ToSave {
  readonly draft: Draft;
  readonly now: Based;
  readonly etag: string | null;
  readonly credentials: Credentials | null;
}

/**
 * Makes what the stack has as the draft has it, one step after the other, and tells of every step that was done: it stays
 * done where a later one is refused.
 */
export async function save(
  api: Interface,
  { draft, now, etag, credentials }: ToSave,
  onStep: () => void,
): Promise<void> {
  const { id } = now.connection;
  const patch = patchOf(draft);
  if (credentials !== null || Object.keys(patch).length > 0) {
    const body = { ...patch, ...(credentials && { credentials }) } as Schemas['ConnectionPatch'];
    const params = { ...ofConnection(id), header: { 'if-match': etag } };
    await answered(api.PATCH('/connections/{connection_id}', { params, body }));
    onStep();
  }
  await saveAudiences(api, draft, now, onStep);
  if (hasOtherRecipients(draft)) {
    const body = [...(draft.recipients ?? [])];
    await answered(api.PUT('/connections/{connection_id}/recipients', { params: ofConnection(id), body }));
  }
}

async function saveAudiences(api: Interface, draft: Draft, now: Based, onStep: () => void): Promise<void> {
  const { id } = now.connection;
  const steps = audienceSteps(draft);
  const existing = (activation: string) => ({
    path: { connection_id: id, activation_id: activation },
    header: { 'if-match': versionOf(now, activation) },
  });
  for (const activation of steps.removed) {
    const params = existing(activation);
    await answered(api.DELETE('/connections/{connection_id}/audiences/{activation_id}', { params }));
    onStep();
  }
  for (const one of steps.changed) {
    const params = existing(one.activation_id);
    const body = audienceBody(one);
    await answered(api.PATCH('/connections/{connection_id}/audiences/{activation_id}', { params, body }));
    onStep();
  }
  for (const one of steps.added) {
    const body = audienceBody(one);
    await answered(api.POST('/connections/{connection_id}/audiences', { params: ofConnection(id), body }));
    onStep();
  }
}

function versionOf({ audiences }: Based, activation: string): string | null {
  const version = audiences[activation]?.version;
  return version === undefined ? null : `"${version}"`;
}
