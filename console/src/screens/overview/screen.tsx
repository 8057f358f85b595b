import { useCollection } from '@cloudscape-design/collection-hooks';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Cards from '@cloudscape-design/components/cards';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useCallback } from 'react';
import { answered, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { HeldUp } from '../../parts/held-up.tsx';
import { Moment, moment } from '../../parts/moments.tsx';
import { ConnectionStatus } from '../../parts/status.tsx';
import { inWords, Strip } from '../../parts/strip.tsx';
import { texts } from '../../texts.ts';

type Connection = Schemas['ConnectionOverview'];

const EVERY = 30_000;
const PAGE_SIZE = 20;
const words = texts.overview;

/** Every connection: its status, what holds it up, what waits, the last day, alerts. One call. */
export function Screen() {
  const { api } = useConsole();
  const overview = useLoaded(
    useCallback((signal) => answered(api.GET('/overview', { signal })), [api]),
    EVERY,
  );
  return (
    <Answer of={overview} title={words.header}>
      {(found) => (
        <Connections
          all={found.connections}
          at={found.at}
          isLoading={overview.isLoading}
          onRefresh={() => void overview.reload()}
        />
      )}
    </Answer>
  );
}

interface Shown {
  readonly all: readonly Connection[];
  readonly at: string;
  readonly isLoading: boolean;
  readonly onRefresh: () => void;
}

function Connections({ all, at, isLoading, onRefresh }: Shown) {
  const { items, filterProps, filteredItemsCount, paginationProps, collectionProps } = useCollection(all, {
    filtering: {
      empty: (
        <Box textAlign="center">
          <Box variant="strong">{words.empty}</Box>
          <Box variant="p">{words.emptyHint}</Box>
        </Box>
      ),
      noMatch: <Box textAlign="center">{words.noMatch}</Box>,
      fields: ['name', 'munchkin_id', 'status'],
    },
    pagination: { pageSize: PAGE_SIZE },
  });
  return (
    <Cards
      {...collectionProps}
      variant="full-page"
      items={items}
      trackBy="id"
      cardsPerRow={[{ cards: 1 }, { minWidth: 900, cards: 2 }]}
      header={
        <Header
          variant="awsui-h1-sticky"
          counter={`(${all.length})`}
          description={
            <>
              {words.description} <Moment at={at} />
            </>
          }
          actions={<Button iconName="refresh" ariaLabel={texts.refresh} loading={isLoading} onClick={onRefresh} />}
        >
          {words.header}
        </Header>
      }
      filter={
        <TextFilter
          {...filterProps}
          filteringPlaceholder={words.find}
          filteringAriaLabel={words.find}
          countText={`${filteredItemsCount ?? ''}`}
        />
      }
      pagination={<Pagination {...paginationProps} />}
      cardDefinition={{
        header: (one) => (
          <Link fontSize="heading-m" href={addresses.connection(one.id)}>
            {one.name}
          </Link>
        ),
        sections: [
          { id: 'status', content: (one) => <Standing of={one} /> },
          { id: 'last-day', header: words.lastDay, content: (one) => <LastDay of={one} /> },
          { id: 'waiting', header: words.waiting, content: (one) => <Waiting of={one} /> },
          { id: 'alerts', header: words.alerts, content: (one) => <Alerts of={one} /> },
        ],
      }}
    />
  );
}

function Standing({ of }: { readonly of: Connection }) {
  return (
    <SpaceBetween size="xs">
      <SpaceBetween size="s" direction="horizontal">
        <ConnectionStatus status={of.status} />
        <Box color="text-body-secondary">
          {words.marketo} {of.munchkin_id}
        </Box>
      </SpaceBetween>
      <HeldUp hold={of.parking.hold} />
    </SpaceBetween>
  );
}

function LastDay({ of }: { readonly of: Connection }) {
  return (
    <SpaceBetween size="xxs">
      <Strip counts={of.last_day} />
      <Link href={addresses.runs(of.id)}>{inWords(of.last_day)}</Link>
    </SpaceBetween>
  );
}

function Waiting({ of: { id, parking, letters } }: { readonly of: Connection }) {
  const told = [
    parking.queued_since && words.queuedSince(moment(parking.queued_since)),
    parking.events && words.parked(parking.events),
    letters.events && words.letters(letters.events),
  ].filter(Boolean);
  return told.length > 0 ? <Link href={addresses.problems(id)}>{told.join(', ')}</Link> : words.nothingWaits;
}

function Alerts({ of }: { readonly of: Connection }) {
  if (of.alerts.length === 0) {
    return words.noAlerts;
  }
  return of.alerts.map(({ alert, since }) => (
    <StatusIndicator key={alert} type="warning">
      {words.alertSince(texts.alerts.names[alert], moment(since))}
    </StatusIndicator>
  ));
}
