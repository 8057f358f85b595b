import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { listRead } from './list-read.ts';
import { RequestVerification } from './request-verification.tsx';
import { VerificationStatus } from './verification-status.tsx';

type Checked = Schemas['AudienceCheckOut'];
type Differences = Schemas['DifferencesOut'];

const EVERY = 3_000;
const words = texts.problems;

/** One verification: by audience, who is out of place, and what a repair would touch. */
export function Screen() {
  const { connectionId = '', verificationId = '' } = useParams();
  const { api } = useConsole();
  const [isRepairing, setRepairing] = useState(false);
  const [isOver, setOver] = useState(false);
  const path = '/connections/{connection_id}/verifications/{verification_id}';
  const verification = useLoaded(
    useCallback(
      async (signal) => {
        const params = { path: { connection_id: connectionId, verification_id: verificationId } };
        const found = await answered(api.GET(path, { params, signal }));
        setOver(found.finished_at !== null);
        return found;
      },
      [api, connectionId, verificationId],
    ),
    isOver ? undefined : EVERY,
  );
  const change = useChange(verification.reload);
  const cancel = () =>
    change.run(() => {
      const params = { path: { connection_id: connectionId, verification_id: verificationId } };
      return answered(api.DELETE(path, { params }));
    });
  return (
    <Answer of={verification} title={words.header}>
      {(found) => (
        <ContentLayout
          header={
            <SpaceBetween size="xs">
              <Link href={addresses.problems(connectionId)}>{words.header}</Link>
              <Header
                variant="h1"
                description={found.repair.join(', ') || words.onlyReports}
                actions={
                  found.finished_at === null ? (
                    <Button loading={change.isBusy} onClick={() => void cancel()}>
                      {words.cancelVerification}
                    </Button>
                  ) : (
                    <Button onClick={() => setRepairing(true)}>{words.verify}</Button>
                  )
                }
              >
                {words.verification(moment(found.requested_at))}
              </Header>
              <VerificationStatus of={found} />
              <ChangeState of={change} />
            </SpaceBetween>
          }
        >
          <Checks of={found.audiences} />
          {isRepairing && (
            <RequestVerification
              key={found.id}
              id={connectionId}
              repair={['missing', 'leavers']}
              onCancel={() => setRepairing(false)}
            />
          )}
        </ContentLayout>
      )}
    </Answer>
  );
}

function Checks({ of }: { readonly of: readonly Checked[] }) {
  const differences = (id: 'missing' | 'leavers' | 'waiting' | 'foreign') => ({
    id,
    header: words[id],
    cell: (one: Checked) => <Out of={one[id]} />,
  });
  return (
    <Rows
      items={of}
      label={words.touches}
      trackBy={(one) => one.activation_id}
      empty={texts.runs.noAudiences}
      columns={[
        { id: 'name', header: words.verifyAudience, isRowHeader: true, sortingField: 'name', cell: (one) => one.name },
        { id: 'list', header: texts.audiences.list, cell: ({ list }) => `${list.name ?? ''} (${list.id})` },
        { id: 'phase', header: words.phase, cell: (one) => one.code ?? one.phase },
        { id: 'read', header: words.read, cell: (one) => listRead(one) },
        { id: 'expected', header: words.expected, sortingField: 'expected', cell: (one) => one.expected },
        { id: 'found', header: words.found, sortingField: 'found', cell: (one) => one.found },
        differences('missing'),
        differences('leavers'),
        differences('waiting'),
        differences('foreign'),
        { id: 'gone', header: words.gone, cell: (one) => one.gone },
        {
          id: 'unapplied',
          header: words.unapplied,
          cell: (one) =>
            Object.entries(one.unapplied)
              .map(([code, count]) => `${count} ${code}`)
              .join(', ') || 0,
        },
      ]}
    />
  );
}

/** How many are out of place, how many of them were put right, and which leads. */
function Out({ of }: { readonly of: Differences }) {
  const told = words.counted(of.count, of.repaired);
  if (of.lead_ids.length === 0) {
    return told;
  }
  return <ExpandableSection headerText={told}>{words.leadsOf(of.lead_ids)}</ExpandableSection>;
}
