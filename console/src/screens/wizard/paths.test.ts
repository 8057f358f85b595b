import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathsOf } from './paths.ts';

test('identities and attributes of the first record, without its memberships', () => {
  const record = {
    identityMap: { email: [{ id: 'a@example.org' }] },
    segmentMembership: { ups: { a: { status: 'realized' } } },
    person: { name: { firstName: 'Ada' } },
    emails: [{ address: 'a@example.org' }, { address: 'b@example.org' }],
    tags: ['x', 'y'],
  };
  assert.deepEqual(pathsOf(JSON.stringify([record])), [
    'identityMap.email',
    'person.name.firstName',
    'emails[0].address',
    'tags',
  ]);
});

test('of a canonical body, those of the profile', () => {
  assert.deepEqual(pathsOf('{"events": [{"profile": {"email": "a@example.org"}, "audiences": []}]}'), ['email']);
});

test('what is no JSON is said to be none', () => {
  assert.throws(() => pathsOf('name: yaml'), SyntaxError);
});
