import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, NEW } from './draft.ts';
import { opened, overlaid, UnreadableFileError, written } from './file.ts';

const REFERENCE = '$' + '{NAME}';
const draft: Draft = {
  step: 0,
  based: null,
  recipients: null,
  configuration: { ...NEW, name: 'no', description: REFERENCE, munchkin_id: '123-ABC-456' },
  audiences: [{ id: '1e3', name: 'Attendees', namespace: null, start: '2026-11-29T00:00:00Z' }],
};

test('what is written is read as it was, and has no secret', async () => {
  const text = await written(draft);
  assert.match(text, /client_secret: \$\{MARKETO_CLIENT_SECRET\}/);
  assert.match(text, /description: \$\$\{NAME\}/);
  const read = await opened(text);
  assert.deepEqual(
    [read.configuration.name, read.configuration.description, read.audiences?.[0]?.id],
    ['no', REFERENCE, '1e3'],
  );
});

test('what a file does not name stays as it is', async () => {
  const read = await opened('name: Others\nmunchkin_id: 123-ABC-456\n');
  const { configuration, audiences } = overlaid(draft, read);
  assert.deepEqual([configuration.name, configuration.dedupe_field, audiences], ['Others', 'email', draft.audiences]);
});

test('what a file does not name of an object stays as it is, and null is said', async () => {
  const limits = { daily_calls: 20000, calls_per_20s: 80, concurrency: 5, lead_updates_per_hour: 100 };
  const limited = { ...draft, configuration: { ...draft.configuration, limits } };
  const { configuration } = overlaid(limited, await opened('limits: {daily_calls: 10, lead_updates_per_hour: null}'));
  assert.deepEqual(configuration.limits, { ...limits, daily_calls: 10, lead_updates_per_hour: null });
});

test('what is no file of one connection is refused', async () => {
  for (const text of ['a: 1\n---\nb: 2\n', 'name: [', '- 1', '', 'a: &a [1]\na: 2']) {
    await assert.rejects(opened(text), UnreadableFileError, text);
  }
});

test('what the wizard could not show is refused by its path', async () => {
  for (const [text, path] of [
    ['mapping: everything', 'mapping'],
    ['mapping: [{source: a, target: b, labels: C2}]', 'mapping[0].labels'],
    ['mapping: [null]', 'mapping[0]'],
    ['source: null', 'source'],
    ['source: {format: 1}', 'source.format'],
    ['consent: {source: a, allowed: y}', 'consent.allowed'],
    ['audiences: [{id: 1, name: A}]', 'audiences[0].id'],
    ['alerts: letters', 'alerts'],
    ['limits: {daily_calls: many}', 'limits.daily_calls'],
    ['dedupe_feild: email', 'dedupe_feild'],
  ] as const) {
    await assert.rejects(opened(text), { message: path }, text);
  }
});
