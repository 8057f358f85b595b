import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { lazy, Suspense, useCallback } from 'react';
import type { Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { loadRuns } from '../../api/runs.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { duration } from '../../parts/moments.tsx';
import { texts } from '../../texts.ts';

type Run = Schemas['RunOut'];

const EVERY = 60_000;
const words = texts.lastDay;
const HoursChart = lazy(() => import('./hours-chart.tsx'));

/** What the last 24 hours brought: outcomes by hour, latency, calls to Marketo against the connection's share. */
export function LastDay({ connection }: { readonly connection: Schemas['ConnectionOut'] }) {
  const { api } = useConsole();
  const { id } = connection;
  const runs = useLoaded(
    useCallback((signal) => loadRuns(api, id, {}, signal), [api, id]),
    EVERY,
  );
  return (
    <Container
      header={<Header actions={<Link href={addresses.runs(id)}>{words.allRuns}</Link>}>{words.header}</Header>}
    >
      <Answer of={runs}>
        {(found) => (
          <SpaceBetween size="m">
            <KeyValuePairs columns={4} items={totals(found, connection)} />
            <Suspense fallback={<Spinner />}>
              <HoursChart runs={found} now={new Date()} />
            </Suspense>
          </SpaceBetween>
        )}
      </Answer>
    </Container>
  );
}

function totals(runs: readonly Run[], { limits }: Schemas['ConnectionOut']) {
  const sum = (count: (run: Run) => number | null) => runs.reduce((total, run) => total + (count(run) ?? 0), 0);
  const slowest = Math.max(0, ...runs.map(({ latency }) => latency?.p95_ms ?? 0));
  const calls = sum((run) => run.marketo_calls);
  const share = limits?.daily_calls;
  return [
    { label: texts.counted.received, value: sum((run) => run.received) },
    { label: texts.counted.activated, value: sum((run) => run.activated.persons) },
    { label: texts.counted.unchanged, value: sum((run) => run.unchanged) },
    { label: texts.counted.excluded, value: sum((run) => run.excluded) },
    { label: texts.counted.failed, value: sum((run) => run.failed) },
    { label: texts.counted.rejected, value: sum((run) => run.rejected) },
    { label: words.latency, value: slowest > 0 ? duration(slowest / 1000) : texts.none },
    { label: words.calls, value: share === undefined ? calls : words.callsOf(calls, share) },
  ];
}
