import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas, versioned } from '../../api/interface.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { Commas } from '../../parts/commas.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Rows } from '../../parts/rows.tsx';
import { type VersionedForm, VersionedScreen } from '../../parts/versioned-screen.tsx';
import { texts } from '../../texts.ts';

type Labels = Schemas['LabelsOut'];

const words = texts.governance;

/** The labels of a connection's mapped sources and audiences; here they can be taken off, too. */
export function Screen() {
  const { connectionId = '' } = useParams();
  const { api } = useConsole();
  const read = useCallback(
    (signal?: AbortSignal) =>
      versioned(
        api.GET('/connections/{connection_id}/labels', {
          params: ofConnection(connectionId),
          ...(signal && { signal }),
        }),
      ),
    [api, connectionId],
  );
  return (
    <VersionedScreen header={words.labels} description={words.labelsDescription} read={read}>
      {(form, note) => (
        <>
          {note}
          <Edited key={form.found.etag} id={connectionId} {...form} />
        </>
      )}
    </VersionedScreen>
  );
}

function Edited({ id, found, read, onSaved, onDone }: VersionedForm<Labels> & { readonly id: string }) {
  const { api } = useConsole();
  const [labels, setLabels] = useState<Labels>(found.value);
  const change = useChange(onDone);
  const save = () =>
    change.runVersioned({
      based: found,
      read,
      write: async (etag) => {
        const params = { ...ofConnection(id), header: { 'if-match': etag } };
        const body = {
          sources: changed(found.value.sources, labels.sources),
          audiences: changed(found.value.audiences, labels.audiences),
        };
        await answered(api.PATCH('/connections/{connection_id}/labels', { params, body }));
        onSaved();
      },
    });
  return (
    <SpaceBetween size="l">
      <ChangeState of={change} />
      <Button variant="primary" loading={change.isBusy} onClick={() => void save()}>
        {texts.save}
      </Button>
      <Labelled
        header={words.sources}
        what={words.source}
        empty={words.noSources}
        of={labels.sources}
        onChange={(sources) => setLabels({ ...labels, sources })}
      />
      <Labelled
        header={words.audiences}
        what={words.audience}
        empty={words.noAudiences}
        of={labels.audiences}
        onChange={(audiences) => setLabels({ ...labels, audiences })}
      />
    </SpaceBetween>
  );
}

type ByName = Record<string, string[]>;

function Labelled({
  header,
  what,
  empty,
  of,
  onChange,
}: {
  readonly header: string;
  readonly what: string;
  readonly empty: string;
  readonly of: ByName;
  readonly onChange: (of: ByName) => void;
}) {
  return (
    <Rows
      items={Object.entries(of)}
      trackBy={([name]) => name}
      header={<Header variant="h2">{header}</Header>}
      empty={empty}
      columns={[
        { id: 'what', header: what, isRowHeader: true, cell: ([name]) => name },
        {
          id: 'labels',
          header: words.labels,
          cell: ([name, labels]) => (
            <Commas
              value={labels}
              label={words.labelsOf(name)}
              onChange={(next) => onChange({ ...of, [name]: next })}
            />
          ),
        },
      ]}
    />
  );
}

/** Those that are labelled otherwise now: what is not named stays. */
function changed(before: ByName, now: ByName): ByName {
  return Object.fromEntries(Object.entries(now).filter(([name, labels]) => labels.join() !== before[name]?.join()));
}
