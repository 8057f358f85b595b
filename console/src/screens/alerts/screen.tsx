import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useCallback } from 'react';
import { useParams } from 'react-router';
import { ofConnection, type Schemas, versioned } from '../../api/interface.ts';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { VersionedScreen } from '../../parts/versioned-screen.tsx';
import { texts } from '../../texts.ts';
import { Recipients } from './recipients.tsx';
import { Subscribe } from './subscribe.tsx';

const words = texts.alerts;

/** What is watched of a connection, where each alert stands, what was triggered, and who is told. */
export function Screen() {
  const { connectionId = '' } = useParams();
  const { api } = useConsole();
  const read = useCallback(
    (signal?: AbortSignal) =>
      versioned(
        api.GET('/connections/{connection_id}/alerts', {
          params: ofConnection(connectionId),
          ...(signal && { signal }),
        }),
      ),
    [api, connectionId],
  );
  return (
    <VersionedScreen
      header={words.header}
      description={words.description}
      read={read}
      below={<Recipients id={connectionId} />}
    >
      {(form, note) => (
        <>
          <Standing of={form.found.value.alerts} />
          {note}
          <Subscribe key={form.found.etag} id={connectionId} {...form} />
          <History of={form.found.value.history} />
        </>
      )}
    </VersionedScreen>
  );
}

function Standing({ of }: { readonly of: readonly Schemas['AlertOut'][] }) {
  return (
    <Rows
      items={of}
      trackBy={({ alert }) => alert}
      header={<Header variant="h2">{words.subscriptions}</Header>}
      empty={words.none}
      columns={[
        { id: 'alert', minWidth: 130, header: words.alert, isRowHeader: true, cell: (one) => words.names[one.alert] },
        { id: 'means', minWidth: 200, header: words.means, cell: (one) => one.means },
        {
          id: 'threshold',
          header: words.threshold,
          cell: (one) => (one.unit === 'state' ? texts.none : one.threshold),
        },
        { id: 'status', minWidth: 130, header: words.status, cell: (one) => <Status of={one} /> },
        { id: 'remedy', minWidth: 200, header: words.remedy, cell: (one) => one.remedy },
      ]}
    />
  );
}

function Status({ of }: { readonly of: Schemas['AlertOut'] }) {
  if (of.status === null) {
    return words.quiet;
  }
  return (
    <>
      <StatusIndicator type={of.status === 'triggered' ? 'error' : 'success'}>
        {words.statuses[of.status]}
      </StatusIndicator>{' '}
      <Moment at={of.since} />
      {of.cause && <div>{of.cause}</div>}
    </>
  );
}

function History({ of }: { readonly of: readonly Schemas['AlertChange'][] }) {
  return (
    <Rows
      items={of}
      trackBy={(one) => `${one.at} ${one.alert}`}
      header={<Header variant="h2">{words.history}</Header>}
      empty={words.noHistory}
      columns={[
        { id: 'at', minWidth: 130, header: words.at, isRowHeader: true, cell: (one) => <Moment at={one.at} /> },
        { id: 'alert', minWidth: 130, header: words.alert, cell: (one) => words.names[one.alert] },
        { id: 'status', minWidth: 130, header: words.status, cell: (one) => words.statuses[one.status] },
        { id: 'value', header: words.value, cell: (one) => one.value },
        { id: 'cause', minWidth: 200, header: words.cause, cell: (one) => one.cause ?? texts.none },
      ]}
    />
  );
}
