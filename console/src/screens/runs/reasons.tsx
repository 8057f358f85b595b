import Button from '@cloudscape-design/components/button';
import Flashbar from '@cloudscape-design/components/flashbar';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import type { Run } from '../../api/runs.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';

type Reason = Schemas['ReasonOut'];

const words = texts.runs;

/** Why persons had the outcome that they had; what failed can be redriven from here. */
export function Reasons({
  id,
  run,
  onDone,
}: {
  readonly id: string;
  readonly run: Run;
  readonly onDone: () => Promise<void>;
}) {
  const { api } = useConsole();
  const [, setSearch] = useSearchParams();
  const [asking, setAsking] = useState<string | null>(null);
  const [decided, setDecided] = useState<Schemas['DecidedOut'] | null>(null);
  const change = useChange(onDone);
  const redrive = async (code: string) => {
    await change.run(async () => {
      const call = api.POST('/connections/{connection_id}/letters/redrives', {
        params: ofConnection(id),
        body: { code },
      });
      setDecided(await answered(call));
    });
    setAsking(null);
  };
  const show = ({ code }: Reason) =>
    setSearch((search) => {
      search.set('code', code);
      return search;
    });
  return (
    <SpaceBetween size="s">
      <ChangeState of={change} />
      {decided && (
        <Flashbar
          items={[
            {
              type: 'success',
              content: words.redriven(decided.decided, decided.left),
              dismissible: true,
              onDismiss: () => setDecided(null),
            },
          ]}
        />
      )}
      <Rows
        items={run.reasons}
        trackBy={(one) => `${one.class} ${one.code}`}
        header={<Header counter={`(${run.reasons.length})`}>{words.reasons}</Header>}
        empty={words.noReasons}
        columns={[
          { id: 'class', header: words.outcome, sortingField: 'class', cell: (one) => texts.outcomes[one.class] },
          { id: 'count', header: words.persons, sortingField: 'count', cell: (one) => one.count },
          { id: 'code', header: words.code, isRowHeader: true, sortingField: 'code', cell: (one) => one.code },
          { id: 'message', header: words.reason, cell: (one) => one.message },
          {
            id: 'act',
            header: words.notArrived,
            cell: (one) => (
              <SpaceBetween size="xs" direction="horizontal">
                {(one.class === 'excluded' || one.class === 'failed') && (
                  <Button variant="inline-link" ariaLabel={words.showOf(one.code)} onClick={() => show(one)}>
                    {words.show}
                  </Button>
                )}
                {one.class === 'failed' && (
                  <Button
                    variant="inline-link"
                    ariaLabel={texts.problems.redriveOf(one.code)}
                    onClick={() => setAsking(one.code)}
                  >
                    {words.redrive}
                  </Button>
                )}
              </SpaceBetween>
            ),
          },
        ]}
      />
      {asking !== null && (
        <Confirm
          header={texts.problems.redriveOf(asking)}
          action={words.redrive}
          isBusy={change.isBusy}
          onConfirm={() => void redrive(asking)}
          onCancel={() => setAsking(null)}
        >
          {words.redriveMeans(asking)}
        </Confirm>
      )}
    </SpaceBetween>
  );
}
