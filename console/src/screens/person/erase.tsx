import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useEffect, useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { texts } from '../../texts.ts';

type Erasure = Schemas['ErasureOut'];

const EVERY = 3_000;
const SIGNS = { requested: 'in-progress', completed: 'success', failed: 'error' } as const;
const words = texts.person;

/** Has a person forgotten, and shows how far that is. */
export function Erase({ id, person }: { readonly id: string; readonly person: Schemas['LookupIn'] }) {
  const { api } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const [erasure, setErasure] = useState<Erasure | null>(null);
  const change = useChange(() => {});
  const { run } = change;
  const erase = async () => {
    await run(async () => {
      const call = api.POST('/connections/{connection_id}/people/erasures', { params: ofConnection(id), body: person });
      setErasure(await answered(call));
    });
    setAsking(false);
  };
  useEffect(() => {
    if (erasure?.status !== 'requested') {
      return;
    }
    const path = { connection_id: id, erasure_id: erasure.id };
    const look = async () => {
      await run(async () => {
        const call = api.GET('/connections/{connection_id}/people/erasures/{erasure_id}', { params: { path } });
        setErasure(await answered(call));
      });
    };
    const timer = setTimeout(() => void look(), EVERY);
    return () => clearTimeout(timer);
  }, [api, id, erasure, run]);
  return (
    <SpaceBetween size="xs">
      {erasure === null ? <Button onClick={() => setAsking(true)}>{words.erase}</Button> : <Progress of={erasure} />}
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
