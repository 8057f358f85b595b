import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import type { Run } from '../../api/runs.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { download, exported, type Wanted } from './export.ts';

type Person = Schemas['PersonOut'];
type Page = Schemas['PersonPage'];

const PAGE_SIZE = 100;
const OUTCOMES = ['excluded', 'failed'] as const;
const words = texts.runs;

/** Who did not arrive in a run, and why: with the fields that are wrong. The filters stand in the address. */
export function NotArrived({ id, run }: { readonly id: string; readonly run: Run }) {
  const { api } = useConsole();
  const [search, setSearch] = useSearchParams();
  const outcome = OUTCOMES.find((one) => one === search.get('outcome')) ?? null;
  const code = search.get('code');
  const load = useCallback(
    (cursor: string | null, signal?: AbortSignal): Promise<Page> => {
      const path = { connection_id: id, run_id: run.id };
      const query = { limit: PAGE_SIZE, ...given({ outcome, code, cursor }) };
      return answered(
        api.GET('/connections/{connection_id}/runs/{run_id}/persons', {
          params: { path, query },
          ...(signal && { signal }),
        }),
      ) as Promise<Page>;
    },
    [api, id, run.id, outcome, code],
  );
  const first = useLoaded(useCallback((signal) => load(null, signal), [load]));
  const choose = (name: string, value: string | undefined) =>
    setSearch((before) => {
      if (value) {
        before.set(name, value);
      } else {
        before.delete(name);
      }
      return before;
    });
  const codes = [...new Set(run.reasons.filter((one) => isOut(one.class)).map((one) => one.code))];
  return (
    <Answer of={first}>
      {(page) => (
        <Persons
          key={`${outcome} ${code}`}
          first={page}
          load={load}
          header={
            <Header
              counter={`(${run.not_arrived.persons ?? texts.none})`}
              actions={
                <SpaceBetween size="xs" direction="horizontal">
                  <Choice
                    label={words.byOutcome}
                    any={words.anyOutcome}
                    value={outcome}
                    options={OUTCOMES.map((one) => [one, texts.outcomes[one]] as const)}
                    onChoose={(value) => choose('outcome', value)}
                  />
                  <Choice
                    label={words.byCode}
                    any={words.anyCode}
                    value={code}
                    options={codes.map((one) => [one, one] as const)}
                    onChoose={(value) => choose('code', value)}
                  />
                  <Export wanted={{ id, runId: run.id, outcome, code }} isEmpty={page.persons.length === 0} />
                </SpaceBetween>
              }
            >
              {words.notArrived}
            </Header>
          }
        />
      )}
    </Answer>
  );
}

function isOut(outcome: Schemas['Class']): boolean {
  return outcome === 'excluded' || outcome === 'failed';
}

/** Without what is null: the interface takes what is left out for all. */
export function given<T extends object>(all: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function Persons({
  first,
  load,
  header,
}: {
  readonly first: Page;
  readonly load: (cursor: string | null) => Promise<Page>;
  readonly header: React.ReactElement;
}) {
  const [more, setMore] = useState<readonly Page[]>([]);
  const change = useChange(() => {});
  const pages = [first, ...more];
  const cursor = pages.at(-1)?.cursor ?? null;
  const showMore = () =>
    change.run(async () => {
      const next = await load(cursor);
      setMore((before) => [...before, next]);
    });
  return (
    <Rows<Person>
      items={pages.flatMap(({ persons }) => persons)}
      trackBy={(one) => one.event}
      header={header}
      empty={words.nobody}
      footer={
        (cursor !== null || change.trouble !== null) && (
          <Box textAlign="center">
            <ChangeState of={change} />
            <Button loading={change.isBusy} onClick={() => void showMore()}>
              {words.more}
            </Button>
          </Box>
        )
      }
      columns={[
        {
          id: 'person',
          header: words.person,
          isRowHeader: true,
          cell: (one) => one.person_id ?? one.pseudonym ?? words.nameless,
        },
        { id: 'outcome', header: words.outcome, sortingField: 'outcome', cell: (one) => texts.outcomes[one.outcome] },
        { id: 'what', header: words.what, sortingField: 'code', cell: (one) => <What of={one} /> },
        {
          id: 'audiences',
          header: words.of,
          cell: (one) => one.audiences.map(({ name, id }) => name ?? id).join(', ') || texts.none,
        },
        {
          id: 'received',
          header: words.received,
          sortingField: 'received_at',
          cell: (one) => <Moment at={one.received_at} />,
        },
      ]}
    />
  );
}

function What({ of }: { readonly of: Person }) {
  return (
    <>
      <Box variant="code">{of.code}</Box> {of.message}
      {of.fields.map((flaw) => (
        <Box key={`${flaw.field} ${flaw.code}`} variant="small" display="block">
          <strong>{flaw.field}</strong>: {flaw.message} {flaw.value && `(${flaw.value})`}
        </Box>
      ))}
    </>
  );
}

function Choice({
  label,
  any,
  value,
  options,
  onChoose,
}: {
  readonly label: string;
  readonly any: string;
  readonly value: string | null;
  readonly options: readonly (readonly [string, string])[];
  readonly onChoose: (value: string | undefined) => void;
}) {
  const all = [{ value: '', label: any }, ...options.map(([id, name]) => ({ value: id, label: name }))];
  return (
    <Select
      ariaLabel={label}
      options={all}
      selectedOption={all.find((one) => one.value === (value ?? '')) ?? { value: value ?? '', label: value ?? any }}
      onChange={({ detail }) => onChoose(detail.selectedOption.value)}
    />
  );
}

function Export({ wanted, isEmpty }: { readonly wanted: Wanted; readonly isEmpty: boolean }) {
  const { api } = useConsole();
  const change = useChange(() => {});
  const save = () => change.run(async () => download(`not-arrived-${wanted.runId}.csv`, await exported(api, wanted)));
  return (
    <>
      <Button iconName="download" disabled={isEmpty} loading={change.isBusy} onClick={() => void save()}>
        {words.export}
      </Button>
      <ChangeState of={change} />
    </>
  );
}
