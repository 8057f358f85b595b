import { useCallback, useEffect, useRef, useState } from 'react';
import { type Trouble, troubleOf } from './problem.ts';

/** What a screen has of a call: nothing yet, its answer, or the trouble. An answer stays while it is asked for anew. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly trouble: Trouble | null;
  readonly isLoading: boolean;
  /** Asks again, in place of a question that is not answered yet; ends when the answer is there. */
  readonly reload: () => Promise<void>;
}

/**
 * Loads by calls, and again every `every` milliseconds while the page is seen. `load` is made by `useCallback`, with what
 * it depends on: another one is another question, and an answer to an older question is dropped.
 */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, every?: number): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({ value: null, trouble: null, isLoading: true });
  const asking = useRef<AbortController | null>(null);

  const reload = useCallback(async () => {
    asking.current?.abort();
    const control = new AbortController();
    asking.current = control;
    setState((before) => ({ ...before, isLoading: true }));
    try {
      const value = await load(control.signal);
      if (!control.signal.aborted) {
        setState({ value, trouble: null, isLoading: false });
      }
    } catch (error) {
      if (!control.signal.aborted) {
        // troubleOf throws what is a fault: in the update of the state, so that the screen's error boundary gets it
        setState((before) => ({ ...before, trouble: troubleOf(error), isLoading: false }));
      }
    } finally {
      if (asking.current === control) {
        asking.current = null;
      }
    }
  }, [load]);

  useEffect(() => {
    setState({ value: null, trouble: null, isLoading: true });
    void reload();
    return () => asking.current?.abort();
  }, [reload]);

  useEffect(() => {
    const askAgain = () => {
      if (!document.hidden && asking.current === null) {
        void reload();
      }
    };
    const timer = every && setInterval(askAgain, every);
    return () => clearInterval(timer);
  }, [reload, every]);

  return { ...state, reload };
}
