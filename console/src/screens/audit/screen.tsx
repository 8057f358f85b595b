import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { answered, type Interface, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';

type Log = Schemas['AuditLog'];
type Change = Schemas['ChangeOut'];

const words = texts.audit;
const PAGE = 25;

/** Who changed what, newest first. */
export function Screen() {
  const { api } = useConsole();
  const [wanted, setWanted] = useState(PAGE);
  const log = useLoaded(useCallback((signal) => readLog(api, wanted, signal), [api, wanted]));
  return (
    <Answer of={log} title={words.header}>
      {({ records, cursor }) => (
        <SpaceBetween size="m">
          <Rows
            items={records}
            trackBy={({ id }) => id}
            header={
              <Header variant="h1" description={words.description}>
                {words.header}
              </Header>
            }
            empty={words.none}
            columns={[
              { id: 'at', minWidth: 140, header: words.at, isRowHeader: true, cell: (one) => <Moment at={one.at} /> },
              {
                id: 'actor',
                minWidth: 120,
                header: words.actor,
                cell: (one) => <span className="wraps">{one.actor}</span>,
              },
              { id: 'action', minWidth: 150, header: words.action, cell: (one) => one.action },
              {
                id: 'connection',
                minWidth: 150,
                header: words.connection,
                cell: ({ connection_id: id }) => (id ? <Link href={addresses.connection(id)}>{id}</Link> : texts.none),
              },
              { id: 'audience', header: words.audience, cell: (one) => one.audience?.id ?? texts.none },
              { id: 'changes', minWidth: 280, header: words.changes, cell: (one) => <Changes of={one.changes} /> },
            ]}
          />
          {cursor && (
            <Box textAlign="center">
              <Button loading={log.isLoading} onClick={() => setWanted(wanted + PAGE)}>
                {texts.showMore}
              </Button>
            </Box>
          )}
        </SpaceBetween>
      )}
    </Answer>
  );
}

function Changes({ of }: { readonly of: readonly Change[] }) {
  return (
    <ul className="changes">
      {of.map((one) => (
        <li key={one.path} className="wraps">
          <Box variant="code">{one.path}</Box> {texts.from(told(one.before), told(one.after))}
        </li>
      ))}
    </ul>
  );
}

function told(value: unknown): string {
  return value === null ? texts.none : typeof value === 'string' ? value : JSON.stringify(value);
}

/** So many records, page by page. */
async function readLog(api: Interface, wanted: number, signal: AbortSignal): Promise<Log> {
  const records: Log['records'] = [];
  let cursor: string | null = null;
  do {
    const query = { limit: PAGE, ...(cursor !== null && { cursor }) };
    const page: Log = await answered(api.GET('/audit', { params: { query }, signal }));
    records.push(...page.records);
    cursor = page.cursor;
  } while (cursor !== null && records.length < wanted);
  return { records, cursor };
}
