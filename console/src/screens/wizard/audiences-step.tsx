import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { answered, ofConnection } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { AudienceForm } from './audience-form.tsx';
import type { Audience } from './draft.ts';
import { FoundHere } from './found-here.tsx';
import type { Step } from './step.ts';

const words = texts.wizard.audiences;

/** Whose membership is kept in Marketo: from what came lately, or by hand. */
export function AudiencesStep({ draft, change, findings }: Step) {
  const id = draft.based?.connection.id ?? '';
  const { audiences } = draft;
  const [opened, setOpened] = useState<number | null>(null);
  const put = (next: readonly Audience[]) => change({ audiences: next });
  const close = (audience: Audience | null) => {
    if (audience !== null && opened !== null) {
      put(
        opened < audiences.length
          ? audiences.map((one, at) => (at === opened ? audience : one))
          : [...audiences, audience],
      );
    }
    setOpened(null);
  };
  return (
    <SpaceBetween size="l">
      <Rows
        items={audiences.map((audience, index) => ({ ...audience, index }))}
        trackBy={({ index }) => String(index)}
        header={
          <Header
            variant="h2"
            counter={`(${audiences.length})`}
            actions={<Button onClick={() => setOpened(audiences.length)}>{words.add}</Button>}
          >
            {words.header}
          </Header>
        }
        empty={words.none}
        columns={[
          {
            id: 'name',
            header: words.name,
            isRowHeader: true,
            cell: (one) => (
              <>
                {one.name}
                <Box variant="small" display="block">
                  {one.namespace ? `${one.namespace}: ${one.id}` : one.id}
                </Box>
              </>
            ),
          },
          { id: 'list', header: words.list, cell: ({ list }) => (list ? words.listIs(list.id) : words.listByName) },
          { id: 'start', header: words.start, cell: (one) => <Moment at={one.start} /> },
          { id: 'end', header: words.end, cell: (one) => <Moment at={one.end} /> },
          {
            id: 'act',
            header: texts.edit,
            cell: (one) => (
              <SpaceBetween size="xs" direction="horizontal">
                <Button variant="inline-link" ariaLabel={texts.editOf(one.name)} onClick={() => setOpened(one.index)}>
                  {texts.edit}
                </Button>
                <Button
                  variant="inline-link"
                  ariaLabel={texts.removeOf(one.name)}
                  onClick={() => put(audiences.filter((_, at) => at !== one.index))}
                >
                  {texts.remove}
                </Button>
              </SpaceBetween>
            ),
          },
        ]}
      />
      <Removed draft={draft} />
      <FoundHere of={findings} properties={['audiences']} />
      <SeenAudiences id={id} audiences={audiences} onAdd={(one) => put([...audiences, one])} />
      {opened !== null && <AudienceForm id={id} audience={audiences[opened] ?? null} onClose={close} />}
    </SpaceBetween>
  );
}

/** What saving takes away. */
function Removed({ draft: { audiences, based } }: Pick<Step, 'draft'>) {
  const removed = Object.values(based?.audiences ?? {}).filter(
    (one) => !audiences.some(({ activation_id }) => activation_id === one.activation_id),
  );
  return removed.map((one) => (
    <Box key={one.activation_id} color="text-status-warning">
      {one.name} {words.removed}
    </Box>
  ));
}

function SeenAudiences({
  id,
  audiences,
  onAdd,
}: {
  readonly id: string;
  readonly audiences: readonly Audience[];
  readonly onAdd: (audience: Audience) => void;
}) {
  const { api } = useConsole();
  const seen = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/seen', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  const isThere = (one: { id: string; namespace: string }) =>
    audiences.some((other) => other.id === one.id && (other.namespace ?? one.namespace) === one.namespace);
  return (
    <Answer of={seen}>
      {(found) => (
        <Rows
          items={found.audiences.filter((one) => !isThere(one))}
          trackBy={(one) => `${one.namespace} ${one.id}`}
          header={<Header variant="h2">{words.seen}</Header>}
          empty={words.noneSeen}
          columns={[
            { id: 'name', header: words.name, isRowHeader: true, cell: (one) => one.name ?? one.id },
            { id: 'id', header: words.id, cell: (one) => `${one.namespace}: ${one.id}` },
            { id: 'events', header: words.seenEvents, cell: (one) => one.events },
            {
              id: 'add',
              header: texts.add,
              cell: (one) => (
                <Button
                  variant="inline-link"
                  ariaLabel={words.addOf(one.name ?? one.id)}
                  onClick={() => onAdd({ id: one.id, namespace: one.namespace, name: one.name ?? one.id })}
                >
                  {texts.add}
                </Button>
              ),
            },
          ]}
        />
      )}
    </Answer>
  );
}
