import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas, versioned } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { ConnectionStatus } from '../../parts/status.tsx';
import { texts } from '../../texts.ts';
import { Actions, Hold } from './actions.tsx';
import { Audiences } from './audiences.tsx';
import { LastDay } from './last-day.tsx';
import { sentence } from './sentence.ts';

const EVERY = 60_000;
const words = texts.connection;

/** One connection: what it does and what holds it up, its audiences, the last day. */
export function Screen() {
  const { connectionId = '' } = useParams();
  const { api } = useConsole();
  const read = useCallback(
    (signal?: AbortSignal) =>
      versioned(
        api.GET('/connections/{connection_id}', { params: ofConnection(connectionId), ...(signal && { signal }) }),
      ),
    [api, connectionId],
  );
  const connection = useLoaded(read, EVERY);
  const parking = useLoaded(
    useCallback(
      (signal) =>
        answered(api.GET('/connections/{connection_id}/parking', { params: ofConnection(connectionId), signal })),
      [api, connectionId],
    ),
    EVERY,
  );
  const reload = useCallback(async () => {
    await Promise.all([connection.reload(), parking.reload()]);
  }, [connection.reload, parking.reload]);
  const change = useChange(reload);
  return (
    <Answer of={connection} title={texts.frame.connection}>
      {(found) => (
        <ContentLayout
          header={
            <Header
              variant="h1"
              description={sentence(found.value)}
              actions={<Actions found={found} read={read} change={change} />}
            >
              {found.value.name}
            </Header>
          }
        >
          <SpaceBetween size="l">
            <ChangeState of={change} />
            <Hold hold={found.value.hold} parking={parking.value} id={found.value.id} change={change} />
            <Facts of={found.value} parking={parking.value} />
            <LastDay connection={found.value} />
            <Audiences id={found.value.id} />
          </SpaceBetween>
        </ContentLayout>
      )}
    </Answer>
  );
}

function Facts({
  of,
  parking,
}: {
  readonly of: Schemas['ConnectionOut'];
  readonly parking: Schemas['ParkingOut'] | null;
}) {
  return (
    <Container>
      <SpaceBetween size="m">
        <KeyValuePairs
          columns={4}
          items={[
            { label: words.status, value: <ConnectionStatus status={of.status} /> },
            { label: words.marketo, value: `${of.munchkin_id}, ${of.workspace}` },
            { label: words.deliveredFirst, value: <Moment at={of.delivered_at} /> },
            { label: words.queuedSince, value: <Moment at={parking?.queued_since} /> },
          ]}
        />
        {of.warnings.length > 0 && (
          <div>
            <Box variant="awsui-key-label">{words.warnings}</Box>
            <ul>
              {of.warnings.map((one) => (
                <li key={`${one.path} ${one.message}`}>
                  <Box variant="code">{one.path}</Box> {one.message}
                </li>
              ))}
            </ul>
          </div>
        )}
      </SpaceBetween>
    </Container>
  );
}
