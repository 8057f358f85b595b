import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import { useCallback, useState } from 'react';
import { answered, ofConnection } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment, moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { RequestVerification } from './request-verification.tsx';
import { VerificationStatus } from './verification-status.tsx';

const EVERY = 30_000;
const words = texts.problems;

/** The newest verifications, and the way to a new one. */
export function Verifications({ id }: { readonly id: string }) {
  const { api } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const verifications = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/verifications', { params: ofConnection(id), signal })),
      [api, id],
    ),
    EVERY,
  );
  return (
    <Answer of={verifications}>
      {({ verifications: all }) => (
        <>
          <Rows
            items={all}
            trackBy={(one) => one.id}
            header={
              <Header
                description={words.verificationsDescription}
                actions={<Button onClick={() => setAsking(true)}>{words.verify}</Button>}
              >
                {words.verifications}
              </Header>
            }
            empty={words.noVerifications}
            columns={[
              {
                id: 'requested',
                header: words.requested,
                isRowHeader: true,
                sortingField: 'requested_at',
                cell: (one) => <Link href={addresses.verification(id, one.id)}>{moment(one.requested_at)}</Link>,
              },
              { id: 'status', header: words.status, cell: (one) => <VerificationStatus of={one} /> },
              {
                id: 'progress',
                header: words.progress,
                cell: ({ progress }) => words.progressOf(progress.done, progress.audiences),
              },
              { id: 'repair', header: words.repairs, cell: (one) => one.repair.join(', ') || words.onlyReports },
              { id: 'finished', header: words.finished, cell: (one) => <Moment at={one.finished_at} /> },
            ]}
          />
          {isAsking && <RequestVerification id={id} repair={[]} onCancel={() => setAsking(false)} />}
        </>
      )}
    </Answer>
  );
}
