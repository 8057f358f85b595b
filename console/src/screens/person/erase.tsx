import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useCallback, useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { TroubleAlert } from '../../parts/trouble.tsx';
import { texts } from '../../texts.ts';

type Erasure = Schemas['ErasureOut'];

const EVERY = 3_000;
const SIGNS = { requested: 'in-progress', completed: 'success', failed: 'error' } as const;
const words = texts.person;

/** Has a person forgotten, and shows how far that is. */
export function Erase({ id, person }: { readonly id: string; readonly person: Schemas['LookupIn'] }) {
  const { api } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const [requested, setRequested] = useState<Erasure | null>(null);
  const change = useChange(() => {});
  const erase = async () => {
    await change.run(async () => {
      const call = api.POST('/connections/{connection_id}/people/erasures', { params: ofConnection(id), body: person });
      setRequested(await answered(call));
    });
    setAsking(false);
  };
  return (
    <SpaceBetween size="xs">
      {requested === null ? (
        <Button onClick={() => setAsking(true)}>{words.erase}</Button>
      ) : (
        <Requested id={id} erasure={requested} />
      )}
      <ChangeState of={change} />
      {isAsking && (
        <Confirm
          header={words.eraseHeader}
          action={words.erase}
          typed={words.eraseWord}
          isBusy={change.isBusy}
          onConfirm={() => void erase()}
          onCancel={() => setAsking(false)}
        >
          <Box variant="p">{words.eraseMeans}</Box>
        </Confirm>
      )}
    </SpaceBetween>
  );
}

/** An erasure until it is over, whatever troubles a look at it. */
function Requested({ id, erasure }: { readonly id: string; readonly erasure: Erasure }) {
  const { api } = useConsole();
  const [isOver, setOver] = useState(false);
  const now = useLoaded(
    useCallback(
      async (signal) => {
        const params = { path: { connection_id: id, erasure_id: erasure.id } };
        const found = await answered(
          api.GET('/connections/{connection_id}/people/erasures/{erasure_id}', { params, signal }),
        );
        setOver(found.status !== 'requested');
        return found;
      },
      [api, id, erasure.id],
    ),
    isOver ? undefined : EVERY,
  );
  return (
    <>
      {now.trouble && <TroubleAlert trouble={now.trouble} onRetry={() => void now.reload()} />}
      <Progress of={now.value ?? erasure} />
    </>
  );
}

function Progress({ of }: { readonly of: Erasure }) {
  return (
    <Alert
      type={of.status === 'failed' ? 'error' : 'info'}
      header={
        <StatusIndicator type={SIGNS[of.status]} colorOverride="grey">
          {words.erasure} {words.erasureStatus[of.status]}
        </StatusIndicator>
      }
    >
      {of.held_up && (
        <div>
          <Box variant="code">{of.held_up.code}</Box> {of.held_up.message}
        </div>
      )}
      <div>
        {words.forgotten}: {words.forgottenOf(of.ledger_rows, of.parked_events, of.letters, of.lists.length)}
      </div>
      <div>
        {words.dropsUntil} <Moment at={of.drops_until} />
      </div>
    </Alert>
  );
}
