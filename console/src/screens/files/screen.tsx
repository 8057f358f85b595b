import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import { useCallback, useState } from 'react';
import { useParams } from 'react-router';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { FileStatus, outcomesInWords } from './file-status.tsx';
import { listChangesWithin } from './rules.ts';
import { Upload } from './upload.tsx';

const words = texts.files;

/** The newest files of a connection, how far each is, and the way to another. */
export function Screen() {
  const { connectionId = '' } = useParams();
  const { api } = useConsole();
  const [isUploading, setUploading] = useState(false);
  const [every, setEvery] = useState(listChangesWithin([]));
  const files = useLoaded(
    useCallback(
      async (signal) => {
        const params = ofConnection(connectionId);
        const found = await answered(api.GET('/connections/{connection_id}/files', { params, signal }));
        setEvery(listChangesWithin(found.files));
        return found.files;
      },
      [api, connectionId],
    ),
    every,
  );
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={words.description}
          actions={
            <Button variant="primary" onClick={() => setUploading(true)}>
              {words.upload}
            </Button>
          }
        >
          {words.header}
        </Header>
      }
    >
      <Answer of={files}>{(found) => <List id={connectionId} of={found} />}</Answer>
      {isUploading && <Upload id={connectionId} onCancel={() => setUploading(false)} onLeft={files.reload} />}
    </ContentLayout>
  );
}

function List({ id, of }: { readonly id: string; readonly of: readonly Schemas['FileOut'][] }) {
  return (
    <Rows
      items={of}
      label={words.header}
      trackBy={(one) => one.id}
      empty={words.empty}
      columns={[
        {
          id: 'name',
          minWidth: 130,
          header: words.name,
          isRowHeader: true,
          sortingField: 'name',
          cell: (one) => (
            <Link href={addresses.file(id, one.id)}>
              <span className="wraps">{one.name}</span>
            </Link>
          ),
        },
        { id: 'mode', header: words.mode, sortingField: 'mode', cell: (one) => one.mode },
        { id: 'status', minWidth: 130, header: words.status, cell: (one) => <FileStatus of={one} /> },
        { id: 'rows', header: words.rows, sortingField: 'rows', cell: (one) => one.rows },
        { id: 'settled', header: words.settled, cell: (one) => one.settled },
        { id: 'outcomes', minWidth: 130, header: words.outcomes, cell: (one) => outcomesInWords(one.outcomes) },
        {
          id: 'created',
          minWidth: 130,
          header: words.created,
          sortingField: 'created_at',
          cell: (one) => <Moment at={one.created_at} />,
        },
        { id: 'finished', minWidth: 130, header: words.finished, cell: (one) => <Moment at={one.finished_at} /> },
      ]}
    />
  );
}
