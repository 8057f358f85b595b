import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { texts } from '../../texts.ts';

const { names, hints } = texts.wizard.limits;

test('every limit of the interface has a field that says what it is by default', async () => {
  const document = await readFile(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8');
  const limits: Record<string, { default?: number }> = JSON.parse(document).components.schemas.LimitsIn.properties;
  assert.deepEqual(Object.keys(names).sort(), Object.keys(limits).sort());
  for (const [name, hint] of Object.entries(hints)) {
    assert.ok(hint.endsWith(`Empty: ${limits[name]?.default ?? 'as many as there are'}.`), hint);
  }
});
