import Box from '@cloudscape-design/components/box';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useCallback } from 'react';
import type { Interface, Schemas } from '../../api/interface.ts';
import { answered, ofConnection } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment, moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';

type Verification = Schemas['VerificationOut'];

const words = texts.audiences;

/** The activated audiences: their lists, how many are on them, and who was out of place when that was looked at last. */
export function Audiences({ id }: { readonly id: string }) {
  const { api } = useConsole();
  const audiences = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/audiences', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  const verified = useLoaded(useCallback((signal) => newestVerification(api, id, signal), [api, id]));
  return (
    <Answer of={audiences}>
      {({ audiences: all }) => (
        <Rows
          items={all}
          trackBy={(one) => one.activation_id}
          header={<Header counter={`(${all.length})`}>{words.header}</Header>}
          empty={words.empty}
          columns={[
            {
              id: 'name',
              header: words.name,
              sortingField: 'name',
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
            {
              id: 'list',
              header: words.list,
              cell: (one) => (one.list ? `${one.list.name ?? ''} (${one.list.id})` : texts.none),
            },
            {
              id: 'size',
              header: words.size,
              cell: (one) =>
                one.list_size ? words.sized(one.list_size.people, moment(one.list_size.counted_at)) : words.notVerified,
            },
            {
              id: 'drift',
              header: words.drift,
              cell: (one) => <Drift id={id} activationId={one.activation_id} verified={verified.value} />,
            },
            { id: 'schedule', header: words.schedule, cell: (one) => <Schedule of={one} /> },
          ]}
        />
      )}
    </Answer>
  );
}

async function newestVerification(api: Interface, id: string, signal: AbortSignal): Promise<Verification | null> {
  const { verifications } = await answered(
    api.GET('/connections/{connection_id}/verifications', { params: ofConnection(id), signal }),
  );
  const newest = verifications.find(({ status }) => status === 'completed');
  if (newest === undefined) {
    return null;
  }
  const path = { connection_id: id, verification_id: newest.id };
  return answered(
    api.GET('/connections/{connection_id}/verifications/{verification_id}', { params: { path }, signal }),
  );
}

function Drift({
  id,
  activationId,
  verified,
}: {
  readonly id: string;
  readonly activationId: string;
  readonly verified: Verification | null;
}) {
  const checked = verified?.audiences.find((one) => one.activation_id === activationId);
  if (verified === null || checked === undefined) {
    return texts.none;
  }
  const left = [checked.missing, checked.leavers, checked.waiting, checked.foreign].reduce(
    (sum, { count, repaired }) => sum + count - repaired,
    0,
  );
  return (
    <Link href={addresses.verification(id, verified.id)}>
      <StatusIndicator type={left > 0 ? 'warning' : 'success'}>
        {left > 0 ? words.outOfPlace(left) : words.inPlace}
      </StatusIndicator>
    </Link>
  );
}

function Schedule({ of: { start, end } }: { readonly of: Schemas['AudienceOut'] }) {
  if (!(start || end)) {
    return words.always;
  }
  return (
    <>
      <Moment at={start} /> – <Moment at={end} />
    </>
  );
}
