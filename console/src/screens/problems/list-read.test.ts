import assert from 'node:assert/strict';
import { test } from 'node:test';
import { texts } from '../../texts.ts';
import { listRead } from './list-read.ts';

const EXTRACT = { stage: 'waiting', begun_at: '2026-11-29T10:00:00Z', members_at: null, code: null } as const;

test('a list without an extract is read page by page, once it is read at all', () => {
  assert.equal(listRead({ phase: 'pending', extract: null }), texts.none);
  assert.equal(listRead({ phase: 'reading', extract: null }), 'page by page');
});

test('an extract says how far it is', () => {
  assert.equal(listRead({ phase: 'reading', extract: EXTRACT }), 'by an extract, which Marketo is writing');
  assert.equal(listRead({ phase: 'done', extract: { ...EXTRACT, stage: 'read' } }), 'by an extract');
});

test('an extract that was given up says why', () => {
  const extract = { ...EXTRACT, stage: 'given_up', code: 'EXTRACT_SHARE_USED' } as const;
  assert.equal(
    listRead({ phase: 'reading', extract }),
    'page by page, as its extract was given up: EXTRACT_SHARE_USED',
  );
});
