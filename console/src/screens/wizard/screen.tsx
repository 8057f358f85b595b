import { useCallback } from 'react';
import { useParams } from 'react-router';
import { useLoaded } from '../../api/loaded.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { type Draft, draftOf, isChanged, keptDraft, NEW } from './draft.ts';
import { readBased } from './read.ts';
import { SetUp } from './set-up.tsx';

const EMPTY: Draft = { step: 0, configuration: NEW, audiences: [], recipients: null, based: null };

/** Sets a connection up: a new one, or one that is there. */
export function Screen() {
  const { connectionId = null } = useParams();
  if (connectionId === null) {
    return <SetUp key="new" begun={keptDraft(null) ?? EMPTY} isKept={keptDraft(null) !== null} fresh={EMPTY} />;
  }
  return <Existing key={connectionId} id={connectionId} />;
}

function Existing({ id }: { readonly id: string }) {
  const { api } = useConsole();
  const based = useLoaded(useCallback((signal) => readBased(api, id, signal), [api, id]));
  return (
    <Answer of={based} title={texts.wizard.edit}>
      {(found) => {
        const kept = keptDraft(id);
        const fresh = draftOf(found, 0);
        return <SetUp begun={kept ?? fresh} isKept={kept !== null && isChanged(kept)} fresh={fresh} />;
      }}
    </Answer>
  );
}
