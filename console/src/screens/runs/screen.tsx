import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useMemo, useState } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { useLoaded } from '../../api/loaded.ts';
import { hoursUntil, loadRuns } from '../../api/runs.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { moment } from '../../parts/moments.tsx';
import { texts } from '../../texts.ts';
import { Hours } from './hours.tsx';
import { RunDetails } from './run-details.tsx';

const HOURS = 24;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const words = texts.runs;

/** A day's runs as a strip of hours, and one of them in full. The day and the hour stand in the address. */
export function Screen() {
  const { connectionId = '', runId } = useParams();
  const { api } = useConsole();
  const [search, setSearch] = useSearchParams();
  const until = search.get('until');
  const [now, setNow] = useState(() => new Date());
  const hours = useMemo(() => hoursUntil(until ? new Date(until) : now, HOURS), [until, now]);
  const [from, to] = [hours[0]?.toISOString() ?? '', endOf(hours)];
  const runs = useLoaded(
    useCallback((signal) => loadRuns(api, connectionId, { from, to }, signal), [api, connectionId, from, to]),
  );
  const isNow = until === null || new Date(to) >= now;
  const move = (by: number) => {
    const moved = new Date(new Date(to).getTime() - HOUR_MS + by);
    setSearch(moved >= now ? {} : { until: moved.toISOString() });
  };
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={words.description}
          actions={
            <SpaceBetween size="xs" direction="horizontal">
              <Button iconName="angle-left" onClick={() => move(-DAY_MS)}>
                {words.earlier}
              </Button>
              <Button iconName="angle-right" iconAlign="right" disabled={isNow} onClick={() => move(DAY_MS)}>
                {words.later}
              </Button>
              <Button
                iconName="refresh"
                ariaLabel={texts.refresh}
                loading={runs.isLoading}
                onClick={() => {
                  setNow(new Date());
                  void runs.reload();
                }}
              />
            </SpaceBetween>
          }
        >
          {words.header}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Container header={<Header variant="h2">{words.hours(moment(from), moment(to))}</Header>}>
          <Answer of={runs}>
            {(found) => (
              <SpaceBetween size="s">
                <Hours id={connectionId} runs={found} hours={hours} chosen={runId} until={until} />
                <Box color="text-body-secondary">{hint(found.length, runId)}</Box>
              </SpaceBetween>
            )}
          </Answer>
        </Container>
        {runId && <RunDetails key={runId} id={connectionId} runId={runId} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function endOf(hours: readonly Date[]): string {
  const last = hours.at(-1);
  return last ? new Date(last.getTime() + HOUR_MS).toISOString() : '';
}

function hint(runs: number, chosen: string | undefined): string {
  if (runs === 0) {
    return words.none;
  }
  return chosen ? '' : words.choose;
}
