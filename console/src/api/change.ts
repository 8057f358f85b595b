import { useCallback, useState } from 'react';
import { type Difference, differences } from './differences.ts';
import type { Versioned } from './interface.ts';
import { isStale, type Trouble, troubleOf } from './problem.ts';

/** A write of something that has versions. */
export interface VersionedWrite<T> {
  /** What the person who writes has read. */
  readonly based: Versioned<T>;
  readonly read: () => Promise<Versioned<T>>;
  /** Makes the call, with this `If-Match`. */
  readonly write: (etag: string | null) => Promise<unknown>;
}

/** A write that was refused, as somebody else had changed what it is about since it was read. */
export interface Conflict {
  readonly differences: readonly Difference[];
  /** Writes all the same, now that the person has seen what changed. */
  readonly insist: () => void;
  /** Leaves it as it is by now. */
  readonly leave: () => void;
}

/** How a write stands. */
export interface Change {
  readonly isBusy: boolean;
  readonly trouble: Trouble | null;
  readonly conflict: Conflict | null;
  /** Makes a call that changes something; whether it was done. */
  readonly run: (call: () => Promise<unknown>) => Promise<boolean>;
  /** The same with a version: what changed meanwhile is shown before anything is overwritten. */
  readonly runVersioned: <T>(write: VersionedWrite<T>) => Promise<boolean>;
  readonly forget: () => void;
}

/** Makes writes, one at a time. `onDone` loads anew what was written, and what turned out to be old. */
export function useChange(onDone: () => void | Promise<void>): Change {
  const [isBusy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);

  const attempt = useCallback(
    async (call: () => Promise<boolean>) => {
      setBusy(true);
      setTrouble(null);
      try {
        const isDone = await call();
        if (isDone) {
          await onDone();
        }
        return isDone;
      } catch (error) {
        setTrouble(troubleOf(error));
        return false;
      } finally {
        setBusy(false);
      }
    },
    [onDone],
  );

  const run = useCallback(
    (call: () => Promise<unknown>) =>
      attempt(async () => {
        await call();
        return true;
      }),
    [attempt],
  );

  const runVersioned = useCallback(
    async <T>(asked: VersionedWrite<T>): Promise<boolean> =>
      attempt(async () => {
        try {
          await asked.write(asked.based.etag);
          return true;
        } catch (error) {
          if (!isStale(troubleOf(error))) {
            throw error;
          }
          const now = await asked.read();
          setConflict({
            differences: differences(asked.based.value, now.value),
            insist: () => {
              setConflict(null);
              void runVersioned({ ...asked, based: now });
            },
            leave: () => {
              setConflict(null);
              void onDone();
            },
          });
          return false; // what the person entered stays until they have decided
        }
      }),
    [attempt, onDone],
  );

  const forget = useCallback(() => setTrouble(null), []);
  return { isBusy, trouble, conflict, run, runVersioned, forget };
}
