import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { Schemas } from '../api/interface.ts';
import { texts } from '../texts.ts';

type Recipient = Schemas['RecipientIn'];

const words = texts.alerts;
const HTTPS = /^https:\/\//i;

/** Who gets the alerts: addresses that can be added and taken away. */
export function RecipientsField({
  value,
  onChange,
}: {
  readonly value: readonly Recipient[];
  readonly onChange: (value: Recipient[]) => void;
}) {
  const [endpoint, setEndpoint] = useState('');
  const add = () => {
    const address = endpoint.trim();
    if (!value.some((one) => one.endpoint === address)) {
      onChange([...value, { protocol: HTTPS.test(address) ? 'https' : 'email', endpoint: address }]);
    }
    setEndpoint('');
  };
  return (
    <SpaceBetween size="s">
      {value.length === 0 && words.noRecipients}
      {value.map((one) => (
        <SpaceBetween key={one.endpoint} size="xs" direction="horizontal" alignItems="center">
          <span className="wraps">{one.endpoint}</span>
          <Button
            variant="inline-link"
            ariaLabel={texts.removeOf(one.endpoint)}
            onClick={() => onChange(value.filter((other) => other !== one))}
          >
            {texts.remove}
          </Button>
        </SpaceBetween>
      ))}
      <FormField
        label={words.address}
        constraintText={words.addressHint}
        secondaryControl={
          <Button disabled={endpoint.trim() === ''} onClick={add}>
            {texts.add}
          </Button>
        }
      >
        <Input value={endpoint} onChange={({ detail }) => setEndpoint(detail.value)} autoComplete={false} />
      </FormField>
    </SpaceBetween>
  );
}
