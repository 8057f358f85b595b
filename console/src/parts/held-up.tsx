import Alert from '@cloudscape-design/components/alert';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import type { Schemas } from '../api/interface.ts';
import { texts } from '../texts.ts';
import { Moment } from './moments.tsx';

/** What holds a connection up: why, since when, until when, and what to do. */
export function HeldUp({ hold, action }: { readonly hold: Schemas['HoldOut'] | null; readonly action?: ReactNode }) {
  if (hold === null) {
    return null;
  }
  const type = hold.waits_for === 'blocked' ? 'error' : hold.waits_for === 'disabled' ? 'info' : 'warning';
  return (
    <Alert type={type} header={texts.heldUp.header(hold.waits_for)} action={action}>
      <SpaceBetween size="s">
        <span className="wraps">{hold.cause}</span>
        <KeyValuePairs
          columns={3}
          items={[
            { label: texts.heldUp.since, value: <Moment at={hold.since} /> },
            { label: texts.heldUp.until, value: hold.until ? <Moment at={hold.until} /> : texts.heldUp.byHand },
            { label: texts.heldUp.remedy, value: hold.remedy },
          ]}
        />
      </SpaceBetween>
    </Alert>
  );
}
