import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schemas } from '../../api/interface.ts';
import { audienceSteps, type Based, type Draft, draftOf, isChanged, patchOf } from './draft.ts';

const connection = {
  id: 'c',
  version: 1,
  status: 'draft',
  warnings: [],
  name: 'Webinars',
  munchkin_id: '123-ABC-456',
  workspace: 'Default',
  sync_type: 'profile_only',
  person_action: 'update_existing_only',
  dedupe_field: 'email',
  source: { format: 'aep', rows: null },
  mapping: [],
} as unknown as Schemas['ConnectionOut'];
const audience = {
  id: 'a',
  name: 'A',
  namespace: null,
  activation_id: '0123456789ab',
  version: 4,
  list: { id: 7, name: 'A' },
} as unknown as Schemas['AudienceOut'];
const based: Based = { connection, etag: '"1"', audiences: { '0123456789ab': audience }, recipients: [] };

test('a draft of what there is changes nothing', () => {
  assert.equal(isChanged(draftOf(based, 0)), false);
});

test('only what a person changed is sent, as the whole property', () => {
  const draft = draftOf(based, 0);
  const changed: Draft = { ...draft, configuration: { ...draft.configuration, name: 'Others', partition: null } };
  assert.deepEqual(patchOf(changed), { name: 'Others' });
});

test('audiences are added, changed by their activation, and taken away', () => {
  const draft = draftOf(based, 0);
  const [there] = draft.audiences;
  assert.ok(there);
  assert.deepEqual(there.list, { id: 7 });
  const renamed = audienceSteps({
    ...draft,
    audiences: [
      { ...there, name: 'B' },
      { id: 'n', name: 'N' },
    ],
  });
  assert.deepEqual(
    [renamed.added.map(({ id }) => id), renamed.changed.map(({ name }) => name), renamed.removed],
    [['n'], ['B'], []],
  );
  assert.deepEqual(audienceSteps({ ...draft, audiences: [] }).removed, ['0123456789ab']);
});
