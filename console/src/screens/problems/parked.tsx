import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { HeldUp } from '../../parts/held-up.tsx';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { waited } from '../../parts/waits.ts';
import { texts } from '../../texts.ts';

const EVERY = 30_000;
const words = texts.problems;

/** What waits outside the queue, by what it waits for, and what holds all of the connection up. */
export function Parked({ id }: { readonly id: string }) {
  const { api } = useConsole();
  const parking = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/parking', { params: ofConnection(id), signal })),
      [api, id],
    ),
    EVERY,
  );
  const change = useChange(parking.reload);
  const resume = () =>
    change.run(() => answered(api.POST('/connections/{connection_id}/resume', { params: ofConnection(id) })));
  return (
    <Answer of={parking}>
      {(found) => (
        <SpaceBetween size="s">
          <ChangeState of={change} />
          <HeldUp hold={found.hold} />
          <Rows
            items={found.parked}
            trackBy={(one) => one.waits_for}
            header={
              <Header
                counter={`(${found.events})`}
                description={words.parkedDescription}
                actions={
                  <Button disabled={found.events === 0} loading={change.isBusy} onClick={() => void resume()}>
                    {words.resume}
                  </Button>
                }
              >
                {words.parked}
              </Header>
            }
            empty={words.noneParked}
            columns={[
              { id: 'waits', header: words.waitsFor, isRowHeader: true, cell: (one) => waited(one.waits_for) },
              { id: 'events', header: words.events, sortingField: 'events', cell: (one) => one.events },
              { id: 'oldest', header: words.oldest, cell: (one) => <Moment at={one.oldest_at} /> },
              { id: 'due', header: words.due, cell: (one) => <Moment at={one.due_at} /> },
              { id: 'remedy', header: words.remedy, cell: (one) => one.remedy },
            ]}
          />
        </SpaceBetween>
      )}
    </Answer>
  );
}
