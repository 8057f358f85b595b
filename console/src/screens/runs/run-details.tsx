import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useCallback } from 'react';
import { answered } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { hourOf, type Run } from '../../api/runs.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { duration, moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { NotArrived } from './not-arrived.tsx';
import { Reasons } from './reasons.tsx';

const words = texts.runs;

/** One run: what became of how many, for which reasons, by audience, and who did not arrive. */
export function RunDetails({ id, runId }: { readonly id: string; readonly runId: string }) {
  const { api } = useConsole();
  const run = useLoaded(
    useCallback(
      async (signal) => {
        const path = { connection_id: id, run_id: runId };
        const query = { format: 'run' as const };
        const call = api.GET('/connections/{connection_id}/runs/{run_id}', { params: { path, query }, signal });
        return (await answered(call)) as Run; // the other form is that of another `format`
      },
      [api, id, runId],
    ),
  );
  return (
    <Answer of={run}>
      {(found) => (
        <SpaceBetween size="l">
          <Counts of={found} />
          <Reasons id={id} run={found} onDone={run.reload} />
          <NotArrived id={id} run={found} />
          <ByAudience of={found} />
          <Lost of={found} />
        </SpaceBetween>
      )}
    </Answer>
  );
}

function Counts({ of }: { readonly of: Run }) {
  const { activated } = of;
  const made = [
    [activated.created, words.created],
    [activated.updated, words.updated],
    [activated.added, words.added],
    [activated.removed, words.removed],
  ] as const;
  const changes = made.filter(([count]) => count).map(([count, word]) => `${count} ${word}`);
  const { latency } = of;
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <StatusIndicator type={of.status === 'completed' ? 'success' : 'in-progress'}>
              {words.statuses[of.status]}
            </StatusIndicator>
          }
        >
          {words.run(moment(hourOf(of.id).toISOString()))}
        </Header>
      }
    >
      <KeyValuePairs
        columns={4}
        items={[
          { label: texts.counted.received, value: of.received },
          {
            label: texts.counted.activated,
            value: (
              <>
                {activated.persons}
                <Box variant="small" display="block">
                  {changes.join(', ')}
                </Box>
              </>
            ),
          },
          { label: texts.counted.unchanged, value: of.unchanged },
          { label: texts.counted.excluded, value: of.excluded },
          { label: texts.counted.failed, value: of.failed },
          { label: texts.counted.rejected, value: of.rejected ?? texts.none },
          { label: words.ignored, value: of.ignored ?? texts.none },
          { label: words.calls, value: of.marketo_calls ?? texts.none },
          {
            label: words.latency,
            value: latency
              ? [latency.p50_ms, latency.p95_ms, latency.max_ms].map((ms) => duration(ms / 1000)).join(' · ')
              : texts.none,
          },
        ]}
      />
    </Container>
  );
}

function ByAudience({ of }: { readonly of: Run }) {
  return (
    <Rows
      items={of.audiences}
      trackBy={(one) => one.activation_id}
      header={<Header counter={`(${of.audiences.length})`}>{words.audiences}</Header>}
      empty={words.noAudiences}
      columns={[
        {
          id: 'name',
          header: words.audience,
          isRowHeader: true,
          sortingField: 'name',
          cell: (one) => one.name ?? one.id,
        },
        ...(['received', 'activated', 'unchanged', 'excluded', 'failed'] as const).map((name) => ({
          id: name,
          header: texts.counted[name],
          sortingField: name,
          cell: (one: Run['audiences'][number]) => one[name],
        })),
        {
          id: 'reasons',
          header: words.reasons,
          cell: (one) => one.reasons.map((reason) => `${reason.count} ${reason.code}`).join(', ') || texts.none,
        },
      ]}
    />
  );
}

function Lost({ of: { losses, dropped, warned } }: { readonly of: Run }) {
  return (
    <SpaceBetween size="l">
      {losses.length > 0 && (
        <Rows
          items={losses}
          trackBy={(one) => `${one.class} ${one.code}`}
          header={<Header>{words.losses}</Header>}
          empty={words.noLosses}
          columns={[
            { id: 'class', header: words.lost, cell: (one) => one.class },
            { id: 'count', header: words.persons, sortingField: 'count', cell: (one) => one.count },
            { id: 'code', header: words.code, isRowHeader: true, sortingField: 'code', cell: (one) => one.code },
            { id: 'message', header: words.reason, cell: (one) => one.message },
          ]}
        />
      )}
      {dropped.length + warned.length > 0 && (
        <Rows
          items={[...dropped.map((one) => ({ ...one, code: texts.none })), ...warned]}
          trackBy={(one) => `${one.field} ${one.code}`}
          header={<Header>{words.dropped}</Header>}
          empty={texts.none}
          columns={[
            { id: 'field', header: words.field, isRowHeader: true, sortingField: 'field', cell: (one) => one.field },
            { id: 'count', header: words.persons, sortingField: 'count', cell: (one) => one.count },
            { id: 'code', header: words.code, cell: (one) => one.code },
          ]}
        />
      )}
    </SpaceBetween>
  );
}
