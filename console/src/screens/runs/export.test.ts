import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextCursor } from './export.ts';

test('the page that follows is named by the header Link', () => {
  const link = '</connections/1/runs/2026-11-29T05:00Z/persons?cursor=a%2Fb%3D&limit=1000&format=csv>; rel="next"';
  assert.equal(nextCursor(link), 'a/b=');
});

test('the last page names none', () => {
  assert.equal(nextCursor(null), undefined);
  assert.equal(nextCursor('</other?limit=1>; rel="first"'), undefined);
});
