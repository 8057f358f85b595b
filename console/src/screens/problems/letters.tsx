import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';

type Letters = Schemas['LettersOfCodeOut'];

const EVERY = 30_000;
const words = texts.problems;

/** The letters by their codes, to be redriven or discarded. */
export function Letters({ id }: { readonly id: string }) {
  const { api } = useConsole();
  const letters = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/letters', { params: ofConnection(id), signal })),
      [api, id],
    ),
    EVERY,
  );
  const [discarding, setDiscarding] = useState<Letters | null>(null);
  const change = useChange(letters.reload);
  const redrive = (code: string | null) =>
    change.run(() =>
      answered(api.POST('/connections/{connection_id}/letters/redrives', { params: ofConnection(id), body: { code } })),
    );
  const discard = async (code: string) => {
    await change.run(() =>
      answered(
        api.DELETE('/connections/{connection_id}/letters', { params: { ...ofConnection(id), query: { code } } }),
      ),
    );
    setDiscarding(null);
  };
  return (
    <Answer of={letters}>
      {(found) => (
        <>
          <ChangeState of={change} />
          <Rows
            items={found.letters}
            trackBy={(one) => one.code}
            header={
              <Header
                counter={`(${found.events})`}
                description={words.lettersDescription}
                actions={
                  <Button disabled={found.events === 0} loading={change.isBusy} onClick={() => void redrive(null)}>
                    {words.redriveAll}
                  </Button>
                }
              >
                {words.letters}
              </Header>
            }
            empty={words.noLetters}
            columns={[
              {
                id: 'code',
                header: texts.runs.code,
                isRowHeader: true,
                sortingField: 'code',
                cell: (one) => (
                  <>
                    {one.code}
                    <Box variant="small" display="block">
                      {one.reason}
                    </Box>
                  </>
                ),
              },
              { id: 'events', header: words.events, sortingField: 'events', cell: (one) => one.events },
              {
                id: 'last',
                header: words.last,
                sortingField: 'last_at',
                cell: (one) => <Moment at={one.last_at} />,
              },
              { id: 'expires', header: words.expires, cell: (one) => <Moment at={one.expires_at} /> },
              {
                id: 'decide',
                header: words.decide,
                cell: (one) => (
                  <SpaceBetween size="xs" direction="horizontal">
                    <Button
                      variant="inline-link"
                      ariaLabel={words.redriveOf(one.code)}
                      onClick={() => void redrive(one.code)}
                    >
                      {words.redrive}
                    </Button>
                    <Button
                      variant="inline-link"
                      ariaLabel={words.discardOf(one.code)}
                      onClick={() => setDiscarding(one)}
                    >
                      {words.discard}
                    </Button>
                  </SpaceBetween>
                ),
              },
            ]}
          />
          {discarding && (
            <Confirm
              header={words.discardHeader(discarding.events, discarding.code)}
              action={words.discard}
              isBusy={change.isBusy}
              onConfirm={() => void discard(discarding.code)}
              onCancel={() => setDiscarding(null)}
            >
              <Box variant="p">{discarding.reason}</Box>
              <Box variant="p">{words.discardMeans}</Box>
            </Confirm>
          )}
        </>
      )}
    </Answer>
  );
}
