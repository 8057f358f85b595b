import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useCallback, useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { RecipientsField } from '../../parts/recipients-field.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';

type Recipient = Schemas['RecipientOut'];

const words = texts.alerts;

/** Who gets the alerts of a connection, whether they confirmed it, and a test alert. */
export function Recipients({ id }: { readonly id: string }) {
  const { api } = useConsole();
  const recipients = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/recipients', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  return (
    <Answer of={recipients}>
      {({ recipients: all }) => (
        <Recipient key={all.map(({ endpoint }) => endpoint).join(' ')} id={id} all={all} onDone={recipients.reload} />
      )}
    </Answer>
  );
}

function Recipient({
  id,
  all,
  onDone,
}: {
  readonly id: string;
  readonly all: readonly Recipient[];
  readonly onDone: () => Promise<void>;
}) {
  const { api } = useConsole();
  const [wanted, setWanted] = useState<Schemas['RecipientIn'][]>(
    all.map(({ protocol, endpoint }) => ({ protocol, endpoint })),
  );
  const [isTested, setTested] = useState(false);
  const change = useChange(onDone);
  const params = ofConnection(id);
  const save = () =>
    change.run(() => answered(api.PUT('/connections/{connection_id}/recipients', { params, body: wanted })));
  const test = async () => {
    setTested(await change.run(() => answered(api.POST('/connections/{connection_id}/alerts/test', { params }))));
  };
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={words.recipientsHint}
          actions={
            <SpaceBetween size="xs" direction="horizontal">
              <Button disabled={all.length === 0} loading={change.isBusy} onClick={() => void test()}>
                {words.test}
              </Button>
              <Button
                loading={change.isBusy}
                ariaLabel={`${texts.save}: ${words.recipients}`}
                onClick={() => void save()}
              >
                {texts.save}
              </Button>
            </SpaceBetween>
          }
        >
          {words.recipients}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <ChangeState of={change} />
        {isTested && <StatusIndicator type="success">{words.tested}</StatusIndicator>}
        <Rows
          variant="embedded"
          label={words.recipients}
          items={all}
          trackBy={({ endpoint }) => endpoint}
          empty={words.noRecipients}
          columns={[
            { id: 'address', header: words.address, isRowHeader: true, cell: (one) => one.endpoint },
            { id: 'state', header: words.confirmation, cell: (one) => words.confirmations[one.confirmation] },
          ]}
        />
        <RecipientsField value={wanted} onChange={setWanted} />
      </SpaceBetween>
    </Container>
  );
}
