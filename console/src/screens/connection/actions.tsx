import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { Change } from '../../api/change.ts';
import { answered, ofConnection, type Schemas, type Versioned } from '../../api/interface.ts';
import { addresses } from '../../app/addresses.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { HeldUp } from '../../parts/held-up.tsx';
import { texts } from '../../texts.ts';

type Connection = Schemas['ConnectionOut'];

const words = texts.connection;

interface Acts {
  readonly found: Versioned<Connection>;
  readonly read: () => Promise<Versioned<Connection>>;
  readonly change: Change;
}

/** Enable or disable, as the status has it. */
export function Actions({ found, read, change }: Acts) {
  const { api } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const { id, status } = found.value;
  const isOn = status === 'enabled' || status === 'blocked';
  const path = isOn ? '/connections/{connection_id}/disable' : '/connections/{connection_id}/enable';
  const act = async () => {
    setAsking(false);
    await change.runVersioned({
      based: found,
      read,
      write: (etag) => answered(api.POST(path, { params: { ...ofConnection(id), header: { 'if-match': etag } } })),
    });
  };
  return (
    <>
      <SpaceBetween size="xs" direction="horizontal">
        <Button href={addresses.runs(id)}>{texts.frame.runs}</Button>
        <Button href={addresses.people(id)}>{texts.frame.person}</Button>
        {status !== 'deleting' && (
          <Button loading={change.isBusy} onClick={() => (isOn ? setAsking(true) : void act())}>
            {isOn ? words.disable : words.enable}
          </Button>
        )}
      </SpaceBetween>
      {isAsking && (
        <Confirm
          header={words.disableHeader(found.value.name)}
          action={words.disable}
          isBusy={change.isBusy}
          onConfirm={() => void act()}
          onCancel={() => setAsking(false)}
        >
          <Box variant="p">{words.disableMeans}</Box>
        </Confirm>
      )}
    </>
  );
}

/** What holds the connection up, and what is parked, with the way to bring it back. */
export function Hold({
  id,
  hold,
  parking,
  change,
}: {
  readonly id: string;
  readonly hold: Connection['hold'];
  readonly parking: Schemas['ParkingOut'] | null;
  readonly change: Change;
}) {
  const { api } = useConsole();
  const resume = () =>
    change.run(() => answered(api.POST('/connections/{connection_id}/resume', { params: ofConnection(id) })));
  const waits = (parking?.events ?? 0) > 0;
  return (
    <HeldUp
      hold={hold}
      action={
        waits && (
          <Button loading={change.isBusy} onClick={() => void resume()}>
            {words.resume(parking?.events ?? 0)}
          </Button>
        )
      }
    />
  );
}
