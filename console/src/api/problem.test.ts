import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionOverError } from '../session/session.ts';
import { isStale, readTrouble, TroubleError, troubleOf } from './problem.ts';

const STALE = { type: 'urn:marketo-destination:problem:stale', title: 'Stale', status: 412, detail: '', errors: [] };
const refusal = (kind: string | null, body: unknown) => readTrouble('GET', '/overview', 403, body, kind);

test('a problem is told in its own words', () => {
  const trouble = readTrouble('PATCH', '/connections/1', 412, STALE, null);
  assert.deepEqual(trouble, { kind: 'problem', problem: STALE });
  assert.equal(isStale(trouble), true);
});

test('what IAM denies is a want of permission, and says of which call', () => {
  const denied = { kind: 'not_permitted', method: 'GET', path: '/overview' };
  assert.deepEqual(refusal('AccessDeniedException', { Message: 'User is not authorized' }), denied);
  assert.deepEqual(refusal(null, { message: 'Forbidden' }), denied);
});

test('a signature that is no good is no want of permission', () => {
  const trouble = refusal('ExpiredTokenException', {
    message: 'The security token included in the request is expired',
  });
  assert.deepEqual(trouble, {
    kind: 'no_answer',
    status: 403,
    message: 'The security token included in the request is expired',
  });
});

test('what fetch and the session throw is trouble, and any other error is not swallowed', () => {
  assert.deepEqual(troubleOf(new TypeError('Failed to fetch')), { kind: 'unreachable' });
  assert.deepEqual(troubleOf(new SessionOverError()), { kind: 'session_over' });
  assert.deepEqual(troubleOf(new TroubleError({ kind: 'unreachable' })), { kind: 'unreachable' });
  assert.throws(() => troubleOf(new RangeError('a fault')), RangeError);
});
