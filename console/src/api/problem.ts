import { SessionOverError } from '../session/session.ts';
import type { components } from './schema.d.ts';

type ProblemDetails = components['schemas']['ProblemDetails'];

/** Why there is no answer to a call, in the words of whoever refused it. */
export type Trouble =
  | { readonly kind: 'problem'; readonly problem: ProblemDetails }
  /** IAM does not permit the call. */
  | { readonly kind: 'not_permitted'; readonly method: string; readonly path: string }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'session_over' }
  /** A refusal of API Gateway, or something else that answered in the stack's place. */
  | { readonly kind: 'no_answer'; readonly status: number; readonly message: string | null };

/** Thrown by calls that have no answer to give. */
export class TroubleError extends Error {
  override readonly name = 'TroubleError';
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.kind);
    this.trouble = trouble;
  }
}

/** The trouble that an error stands for; any other error is a fault of the console's own, and is thrown on. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof TroubleError) {
    return error.trouble;
  }
  if (error instanceof SessionOverError) {
    return { kind: 'session_over' };
  }
  if (error instanceof TypeError) {
    return { kind: 'unreachable' };
  }
  throw error;
}

const FORBIDDEN = 403;
const STALE = 412;
/** API Gateway's kind of refusal where IAM denies a call (Amazon API Gateway, "Gateway response types"). */
const ACCESS_DENIED = 'AccessDeniedException';

/**
 * What an answer that is no success says. API Gateway's refusals are JSON that is no problem; signatures that are no good are
 * refused with the same status as calls that are not permitted, and another `errorType` (its header x-amzn-ErrorType).
 */
export function readTrouble(
  method: string,
  path: string,
  status: number,
  body: unknown,
  errorType: string | null,
): Trouble {
  if (isProblem(body)) {
    return { kind: 'problem', problem: body };
  }
  if (status === FORBIDDEN && (errorType ?? ACCESS_DENIED) === ACCESS_DENIED) {
    return { kind: 'not_permitted', method, path };
  }
  return { kind: 'no_answer', status, message: messageOf(body) };
}

export function isStale(trouble: Trouble): boolean {
  return trouble.kind === 'problem' && trouble.problem.status === STALE;
}

function isProblem(body: unknown): body is ProblemDetails {
  return typeof body === 'object' && body !== null && 'type' in body && 'title' in body && 'status' in body;
}

function messageOf(body: unknown): string | null {
  return typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : null;
}
