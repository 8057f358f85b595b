import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from './differences.ts';

test('equal answers do not differ, whatever the order of their properties', () => {
  assert.deepEqual(differences({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1 }), []);
});

test('a difference has its path, also where a property is new or gone', () => {
  assert.deepEqual(
    differences({ limits: { daily_calls: 10 }, name: 'A' }, { limits: { daily_calls: 20 }, note: 'B' }),
    [
      { path: 'limits.daily_calls', before: '10', now: '20' },
      { path: 'name', before: 'A', now: '' },
      { path: 'note', before: '', now: 'B' },
    ],
  );
});

test('a list is one difference', () => {
  assert.deepEqual(differences({ mapping: [{ a: 1 }] }, { mapping: [{ a: 1 }, { a: 2 }] }), [
    { path: 'mapping', before: '[{"a":1}]', now: '[{"a":1},{"a":2}]' },
  ]);
});
