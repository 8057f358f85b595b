import Header from '@cloudscape-design/components/header';
import type { Schemas } from '../../api/interface.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { waited } from '../../parts/waits.ts';
import { texts } from '../../texts.ts';

const words = texts.person;

/** Events of the person that are parked, and letters. */
export function Waiting({ of }: { readonly of: Schemas['WaitingOut'] }) {
  return (
    <Rows
      items={of.events}
      trackBy={(one) => `${one.received_at} ${one.failed_at ?? one.due_at}`}
      header={<Header description={words.lookedThrough(of.looked_through, of.in_all)}>{words.waiting}</Header>}
      empty={words.noneWaits}
      columns={[
        {
          id: 'received',
          header: texts.runs.received,
          isRowHeader: true,
          sortingField: 'received_at',
          cell: (one) => <Moment at={one.received_at} />,
        },
        {
          id: 'audiences',
          header: texts.runs.of,
          cell: (one) => one.audiences.map(({ id, status }) => `${id}: ${status}`).join(', ') || texts.none,
        },
        {
          id: 'why',
          header: words.waitsFor,
          cell: (one) =>
            one.reason ? `${one.reason.code}: ${one.reason.message}` : one.waits_for && waited(one.waits_for),
        },
        { id: 'due', header: words.due, cell: (one) => <Moment at={one.due_at} /> },
        { id: 'failed', header: words.failedAt, cell: (one) => <Moment at={one.failed_at} /> },
      ]}
    />
  );
}

/** Calls that Marketo refused for the person; none are shown where there are none. */
export function Refusals({ of }: { readonly of: readonly Schemas['RefusalsOut'][] }) {
  if (of.length === 0) {
    return null;
  }
  return (
    <Rows
      items={of}
      trackBy={(one) => `${one.call} ${one.code}`}
      header={<Header>{words.refusals}</Header>}
      empty={texts.none}
      columns={[
        { id: 'call', header: words.call, isRowHeader: true, cell: (one) => one.call },
        { id: 'code', header: texts.runs.code, cell: (one) => one.code },
        { id: 'message', header: texts.runs.reason, cell: (one) => one.message },
        { id: 'times', header: words.times, cell: (one) => one.times },
        { id: 'retry', header: words.retry, cell: (one) => <Moment at={one.retry_at} /> },
      ]}
    />
  );
}
