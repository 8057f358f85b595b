import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asked, changesWithin, isEnded, listChangesWithin, percent, runOf, share } from './rules.ts';

const FILE = { name: 'people.csv', size: 12 };
const NOTHING = { mode: 'add', activation: '', separator: '', encoding: '', status: '' } as const;

test('what is not chosen is left to the interface', () => {
  const none = { activation_id: null, separator: null, encoding: null, status: null };
  assert.deepEqual(asked(FILE, NOTHING), { ...FILE, mode: 'add', ...none });
});

test('what is chosen is asked for, and a status only where rows have one', () => {
  const chosen = { activation: '0123456789ab', separator: '\t', encoding: 'utf-16', status: ' state ' };
  const body = asked(FILE, { ...chosen, mode: 'incremental' });
  assert.deepEqual(
    [body.activation_id, body.separator, body.encoding, body.status],
    Object.values({ ...chosen, status: 'state' }),
  );
  assert.equal(asked(FILE, { ...chosen, mode: 'mirror' }).status, null);
});

test('a file is asked for again as long as anything can become of it', () => {
  assert.equal(changesWithin(undefined), 3_000);
  assert.equal(changesWithin({ status: 'delivering' }), 3_000);
  assert.equal(changesWithin({ status: 'held' }), 30_000);
  for (const status of ['completed', 'refused', 'cancelled'] as const) {
    assert.ok(isEnded({ status }));
    assert.equal(changesWithin({ status }), undefined);
  }
});

test('a list is asked for sooner while one of its files goes on', () => {
  assert.equal(listChangesWithin([]), 30_000);
  assert.equal(listChangesWithin([{ status: 'completed' }, { status: 'held' }]), 30_000);
  assert.equal(listChangesWithin([{ status: 'completed' }, { status: 'reading' }]), 3_000);
});

test('progress is whole only when all is settled', () => {
  assert.equal(percent({ settled: 0, rows: 0 }), 0);
  assert.equal(percent({ settled: 999, rows: 1000 }), 99);
  assert.equal(percent({ settled: 1000, rows: 1000 }), 100);
});

test('the run of a file is that of the hour of its upload, in UTC', () => {
  assert.equal(runOf('2026-11-29T01:59:59.999+02:00'), '2026-11-28T23:00Z');
});

test('a small share is more than nothing', () => {
  assert.deepEqual([0, 0.0004, 0.0149, 1.2].map(share), ['0 %', '0.04 %', '1 %', '120 %']);
});
