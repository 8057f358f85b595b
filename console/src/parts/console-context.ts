import { createContext, useContext } from 'react';
import type { Interface } from '../api/interface.ts';
import type { Session } from '../session/session.ts';

/** What every screen has. */
export interface Console {
  readonly session: Session;
  readonly api: Interface;
}

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (found === null) {
    throw new Error('a screen stands outside of the application');
  }
  return found;
}
