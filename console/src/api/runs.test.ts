import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hoursOfDay } from './runs.ts';

test('the hours of a day are all that the interface counts: from that of a day ago to this one', () => {
  const hours = hoursOfDay(new Date('2026-11-29T19:30:00Z'));
  assert.deepEqual([hours[0], hours.at(-1)], [new Date('2026-11-28T19:00:00Z'), new Date('2026-11-29T19:00:00Z')]);
});
