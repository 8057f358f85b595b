import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Subscriptions } from '../../parts/subscriptions.tsx';
import type { VersionedForm } from '../../parts/versioned-screen.tsx';
import { texts } from '../../texts.ts';

type Alerts = Schemas['AlertList'];

const words = texts.alerts;

/** Chooses what is subscribed to. */
export function Subscribe({ id, found, read, onSaved, onDone }: VersionedForm<Alerts> & { readonly id: string }) {
  const { api } = useConsole();
  const [chosen, setChosen] = useState<Schemas['SubscriptionIn'][]>(
    found.value.alerts.map(({ alert, threshold, unit }) => ({ alert, threshold: unit === 'state' ? null : threshold })),
  );
  const change = useChange(onDone);
  const save = () =>
    change.runVersioned({
      based: found,
      read,
      write: async (etag) => {
        const params = { ...ofConnection(id), header: { 'if-match': etag } };
        await answered(api.PUT('/connections/{connection_id}/alerts', { params, body: chosen }));
        onSaved();
      },
    });
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={words.thresholdHint}
          actions={
            <Button
              loading={change.isBusy}
              ariaLabel={`${texts.save}: ${words.subscriptions}`}
              onClick={() => void save()}
            >
              {texts.save}
            </Button>
          }
        >
          {words.change}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <ChangeState of={change} />
        <div>
          <Subscriptions value={chosen} onChange={setChosen} />
        </div>
      </SpaceBetween>
    </Container>
  );
}
