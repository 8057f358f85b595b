import { useCallback, useEffect, useMemo, useState } from 'react';
import { answered, type Schemas } from '../../api/interface.ts';
import { type Trouble, troubleOf } from '../../api/problem.ts';
import { useConsole } from '../../parts/console-context.ts';
import { audienceBody, type Draft, patchOf } from './draft.ts';

type Refusal = Schemas['PropertyError'];

/** What the stack says of a draft, and of which parts of it. */
export interface Findings {
  readonly answer: Schemas['ConfigurationOut'] | null;
  readonly trouble: Trouble | null;
  /** A change has not been looked at yet. */
  readonly isOld: boolean;
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Refusal[];
  /** What is wrong with a property, by its path. */
  readonly at: (path: string) => string | undefined;
  readonly lookAgain: () => void;
}

/** How long somebody has to pause in typing before the stack looks at the draft. */
const PAUSE_MS = 500;
/** The same before Marketo is asked: that takes calls, of which the control plane makes one a second. */
const MARKETO_PAUSE_MS = 2_000;

/** Whether Marketo is asked too, and whether the draft was saved since it was, which makes no difference to it. */
interface Asking {
  readonly asksMarketo: boolean;
  readonly isSaved: boolean;
}

/**
 * Has the stack look at the draft whenever it was changed: at the rules at once, and where `asksMarketo` at what Marketo says
 * after a longer pause. A connection that is not stored yet is looked at when it is.
 */
export function useFindings(
  draft: Draft,
  credentials: Schemas['CredentialsIn'] | null,
  { asksMarketo, isSaved }: Asking,
): Findings {
  const asked = useMemo(() => written(draft, credentials), [draft, credentials]);
  const rules = useLook(asked, false, PAUSE_MS);
  const marketo = useLook(asksMarketo && !isSaved ? asked : null, true, MARKETO_PAUSE_MS);
  const isLooked = asksMarketo && (isSaved ? marketo.of !== null : marketo.of === asked);
  const latest = isLooked ? marketo : rules;
  const refusals = unique([...refusalsIn(rules), ...(isLooked ? refusalsIn(marketo) : [])]);
  const at = (path: string) =>
    refusals
      .filter((one) => one.path === path)
      .map(({ message }) => message)
      .join(' ') || undefined;
  return {
    answer: latest.answer,
    trouble: latest.trouble,
    isOld: asked !== null && (rules.of !== asked || (asksMarketo && !isSaved && !isLooked)),
    refusals,
    warnings: latest.answer?.warnings ?? [],
    at,
    lookAgain: marketo.again,
  };
}

interface Look {
  /** What was looked at; null: nothing yet. */
  readonly of: string | null;
  readonly answer: Schemas['ConfigurationOut'] | null;
  readonly trouble: Trouble | null;
}

const NOTHING: Look = { of: null, answer: null, trouble: null };

function useLook(asked: string | null, enabled: boolean, pause: number): Look & { readonly again: () => void } {
  const { api } = useConsole();
  const [found, setFound] = useState(NOTHING);
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks the same again
  useEffect(() => {
    if (asked === null) {
      return;
    }
    const control = new AbortController();
    const { signal } = control;
    const look = async () => {
      const body = { ...(JSON.parse(asked) as Schemas['ConfigurationIn']), enabled };
      try {
        const answer = await answered(api.POST('/checks', { body, signal }));
        if (!signal.aborted) {
          setFound({ of: asked, answer, trouble: null });
        }
      } catch (error) {
        if (!signal.aborted) {
          setFound({ of: asked, answer: null, trouble: troubleOf(error) });
        }
      }
    };
    const timer = setTimeout(() => void look(), pause);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [api, asked, enabled, pause, round]);
  const again = useCallback(() => setRound((before) => before + 1), []);
  return { ...found, again };
}

function written(draft: Draft, credentials: Schemas['CredentialsIn'] | null): string | null {
  if (draft.based === null) {
    return null;
  }
  const configuration = { ...patchOf(draft), ...(credentials && { credentials }) };
  const audiences = draft.audiences.map(audienceBody);
  return JSON.stringify({ connection_id: draft.based.connection.id, configuration, audiences });
}

function refusalsIn({ answer, trouble }: Look): readonly Refusal[] {
  return answer?.refusals ?? refusalsOf(trouble);
}

/** What cannot be read as a configuration is refused as a whole, with the same paths below the body's property. */
export function refusalsOf(trouble: Trouble | null): readonly Refusal[] {
  return trouble?.kind === 'problem'
    ? trouble.problem.errors.map(({ path, message }) => ({ path: path.replace(/^configuration\./, ''), message }))
    : [];
}

function unique(refusals: readonly Refusal[]): Refusal[] {
  return [...new Map(refusals.map((one) => [`${one.path} ${one.message}`, one])).values()];
}
