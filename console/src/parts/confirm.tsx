import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useState } from 'react';
import { texts } from '../texts.ts';

/** Asks before something is done that cannot be undone; `typed` has to be typed first, where it is grave. */
export function Confirm({
  header,
  action,
  typed,
  isBusy,
  onConfirm,
  onCancel,
  children,
}: {
  readonly header: string;
  readonly action: string;
  readonly typed?: string;
  readonly isBusy: boolean;
  readonly onConfirm: () => void;
  readonly onCancel: () => void;
  readonly children: ReactNode;
}) {
  const [said, setSaid] = useState('');
  const isSure = typed === undefined || said === typed;
  return (
    <Modal
      visible
      header={header}
      onDismiss={onCancel}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onCancel}>{texts.cancel}</Button>
            <Button variant="primary" disabled={!isSure} loading={isBusy} onClick={onConfirm}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {children}
        {typed !== undefined && (
          <FormField label={texts.confirm.type(typed)}>
            <Input value={said} onChange={({ detail }) => setSaid(detail.value)} autoComplete={false} />
          </FormField>
        )}
      </SpaceBetween>
    </Modal>
  );
}
