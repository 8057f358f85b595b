import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { isChanged } from './draft.ts';
import { FoundHere } from './found-here.tsx';
import type { Step } from './step.ts';

const words = texts.wizard.review;

/** What the stack and Marketo say of the draft, and what it would do to a sample. */
export function ReviewStep({
  step,
  sample,
  onSample,
  onSave,
  isSaving,
}: {
  readonly step: Step;
  readonly sample: string;
  readonly onSample: (sample: string) => void;
  /** Where saving does not change what is delivered yet. */
  readonly onSave?: () => void;
  readonly isSaving: boolean;
}) {
  const { draft, findings } = step;
  const isUnsaved = isChanged(draft);
  return (
    <SpaceBetween size="l">
      <FoundHere of={findings} />
      <Rows
        items={findings.answer?.checks ?? []}
        trackBy={({ name }) => name}
        header={<Header variant="h2">{words.checks}</Header>}
        empty={words.none}
        columns={[
          { id: 'name', minWidth: 130, header: words.check, isRowHeader: true, cell: (one) => one.name },
          { id: 'ok', minWidth: 120, header: words.result, cell: (one) => <Result of={one} /> },
          {
            id: 'detail',
            header: words.what,
            cell: (one) => (
              <>
                {one.detail}
                {one.ok !== true && (
                  <Box variant="small" display="block">
                    {one.hint}
                  </Box>
                )}
              </>
            ),
          },
        ]}
      />
      <Container
        header={
          <Header
            variant="h2"
            description={words.previewHint}
            actions={
              onSave && (
                <Button disabled={!isUnsaved} loading={isSaving} onClick={onSave}>
                  {words.saveOnly}
                </Button>
              )
            }
          >
            {words.preview}
          </Header>
        }
      >
        <Preview id={draft.based?.connection.id ?? ''} sample={sample} onSample={onSample} isUnsaved={isUnsaved} />
      </Container>
    </SpaceBetween>
  );
}

function Result({ of: { ok } }: { readonly of: Schemas['CheckOut'] }) {
  if (ok === null) {
    return <StatusIndicator type="warning">{words.unknown}</StatusIndicator>;
  }
  return <StatusIndicator type={ok ? 'success' : 'error'}>{ok ? words.ok : words.notOk}</StatusIndicator>;
}

function Preview({
  id,
  sample,
  onSample,
  isUnsaved,
}: {
  readonly id: string;
  readonly sample: string;
  readonly onSample: (sample: string) => void;
  readonly isUnsaved: boolean;
}) {
  const { api } = useConsole();
  const [found, setFound] = useState<Schemas['PreviewOut'] | null>(null);
  const change = useChange(() => {});
  const preview = () =>
    change.run(async () => {
      setFound(null);
      const body = sample as unknown as Record<string, never>;
      const call = api.POST('/connections/{connection_id}/previews', {
        params: ofConnection(id),
        body,
        bodySerializer: () => sample, // as the sender writes it: numbers too large for JavaScript, and several lines
        headers: { 'Content-Type': 'application/json' },
      });
      setFound(await answered(call));
    });
  return (
    <SpaceBetween size="m">
      <FormField label={texts.wizard.mapping.sample} description={words.sampleHint}>
        <Textarea value={sample} onChange={({ detail }) => onSample(detail.value)} rows={6} spellcheck={false} />
      </FormField>
      <Button
        disabled={sample.trim() === '' || isUnsaved}
        {...(isUnsaved && { disabledReason: words.saveFirst })}
        loading={change.isBusy}
        onClick={() => void preview()}
      >
        {words.doPreview}
      </Button>
      <ChangeState of={change} />
      {found && <Previewed of={found} />}
    </SpaceBetween>
  );
}

function Previewed({ of }: { readonly of: Schemas['PreviewOut'] }) {
  return (
    <SpaceBetween size="s">
      {of.rejected.map((one) => (
        <Box key={one.index} color="text-status-error">
          {words.rejected} [{one.index}]: {one.errors.map(({ path, message }) => `${path} ${message}`).join(' ')}
        </Box>
      ))}
      {of.ignored.length > 0 && <Box>{words.ignored(of.ignored.length)}</Box>}
      <Rows
        variant="embedded"
        label={words.preview}
        items={of.persons}
        trackBy={({ index }) => String(index)}
        empty={words.nobody}
        columns={[
          { id: 'person', minWidth: 90, header: words.person, isRowHeader: true, cell: (one) => one.person },
          { id: 'outcome', minWidth: 110, header: words.outcome, cell: (one) => texts.outcomes[one.outcome] },
          { id: 'reason', minWidth: 160, header: words.reason, cell: (one) => one.reason?.message ?? texts.none },
          {
            id: 'fields',
            header: words.fields,
            cell: (one) => [...one.fields, ...one.dropped.map(({ message }) => message)].join(', ') || texts.none,
          },
          {
            id: 'lists',
            header: words.change,
            cell: (one) =>
              one.audiences.map(({ name, change }) => `${name}: ${change ?? texts.none}`).join(', ') || texts.none,
          },
        ]}
        footer={words.total(of.calls.total)}
      />
      {of.notes.map((note) => (
        <Box key={note}>{note}</Box>
      ))}
    </SpaceBetween>
  );
}
