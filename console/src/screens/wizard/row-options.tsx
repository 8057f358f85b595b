import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { Commas } from '../../parts/commas.tsx';
import { OneOf } from '../../parts/one-of.tsx';
import { texts } from '../../texts.ts';
import type { Row } from './draft.ts';

const words = texts.wizard.mapping;

/** What a row says besides its source and target. */
export function RowOptions({
  row,
  header,
  onChange,
  onClose,
}: {
  readonly row: Row;
  readonly header: string;
  readonly onChange: (part: Partial<Row>) => void;
  readonly onClose: () => void;
}) {
  return (
    <Modal
      visible
      header={header}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={onClose}>
            {texts.done}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <FormField label={words.whenMissing}>
          <OneOf
            value={row.when_missing}
            names={words.whenMissingOptions}
            onChange={(when_missing) => onChange({ when_missing })}
          />
        </FormField>
        <FormField label={words.whenEmpty}>
          <OneOf
            value={row.when_empty}
            names={words.whenEmptyOptions}
            onChange={(when_empty) => onChange({ when_empty })}
          />
        </FormField>
        <FormField label={words.optIn}>
          <OneOf
            value={row.opt_in ?? 'not_said'}
            names={{ not_said: words.notSaid, ...words.optInOptions }}
            onChange={(said) => onChange({ opt_in: said === 'not_said' ? null : said })}
          />
        </FormField>
        <FormField label={words.join} constraintText={words.joinHint}>
          <Input value={row.join ?? ''} onChange={({ detail }) => onChange({ join: detail.value || null })} />
        </FormField>
        <FormField label={words.labels} constraintText={texts.commas}>
          <Commas value={row.labels ?? []} onChange={(labels) => onChange({ labels })} />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}
