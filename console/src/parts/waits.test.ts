import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waited } from './waits.ts';

test('what waits is told by the word of the interface, and in plain words', () => {
  assert.equal(waited('rate'), 'rate: no more leads may be created or updated in this hour');
  assert.equal(waited('import'), 'import: an import is telling Marketo of these people');
});
