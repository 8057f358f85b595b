import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, type Schemas } from '../../api/interface.ts';
import { addresses } from '../../app/addresses.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { type Configuration, keepDraft, NEW } from '../wizard/draft.ts';

type Migration = Schemas['MigrationOut'];

const words = texts.migration;
const SIGNS: Record<Schemas['MigrationResult'], StatusIndicatorProps.Type> = {
  carried_over: 'success',
  changed: 'info',
  needs_person: 'warning',
  cannot_carry: 'error',
};

/** From Flow Service's export of a legacy dataflow to a draft in the wizard. */
export function Screen() {
  const { api } = useConsole();
  const [text, setText] = useState('');
  const [isLegacy, setLegacy] = useState(false);
  const [isNoJson, setNoJson] = useState(false);
  const [found, setFound] = useState<Migration | null>(null);
  const change = useChange(() => {});
  const migrate = async () => {
    setFound(null);
    setNoJson(!isJson(text));
    if (!isJson(text)) {
      return;
    }
    await change.run(async () => {
      const query = isLegacy ? { generation: 'legacy_v2' as const } : {};
      const body = JSON.parse(text) as Record<string, never>;
      setFound(await answered(api.POST('/migrations/legacy-v2', { params: { query }, body })));
    });
  };
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={words.description}>
          {words.header}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Container
          footer={
            <Button
              variant="primary"
              disabled={text.trim() === ''}
              loading={change.isBusy}
              onClick={() => void migrate()}
            >
              {words.migrate}
            </Button>
          }
        >
          <SpaceBetween size="m">
            <FormField label={words.export} description={words.exportHint} errorText={isNoJson && words.noJson}>
              <Textarea value={text} rows={8} spellcheck={false} onChange={({ detail }) => setText(detail.value)} />
            </FormField>
            <Checkbox checked={isLegacy} onChange={({ detail }) => setLegacy(detail.checked)}>
              {words.generation}
            </Checkbox>
          </SpaceBetween>
        </Container>
        <ChangeState of={change} />
        {found && <Found of={found} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Found({ of: { connection, activations, report } }: { readonly of: Migration }) {
  const navigate = useNavigate();
  const open = (draft: NonNullable<Migration['connection']>) => {
    keepDraft(null, { step: 0, based: null, recipients: null, configuration: filledIn(draft), audiences: activations });
    void navigate(addresses.create().slice(1));
  };
  return (
    <SpaceBetween size="l">
      {connection === null ? (
        <Alert type="warning">{words.noDraft}</Alert>
      ) : (
        <Button onClick={() => open(connection)}>{words.open}</Button>
      )}
      <Rows
        items={report.map((one, index) => ({ ...one, index }))}
        trackBy={({ index }) => String(index)}
        header={
          <Header variant="h2" counter={`(${report.length})`}>
            {words.report}
          </Header>
        }
        empty={words.none}
        columns={[
          {
            id: 'item',
            header: words.item,
            isRowHeader: true,
            cell: (one) => <span className="wraps">{one.item}</span>,
          },
          {
            id: 'result',
            header: words.result,
            sortingField: 'result',
            cell: (one) => <StatusIndicator type={SIGNS[one.result]}>{words.results[one.result]}</StatusIndicator>,
          },
          { id: 'detail', header: words.detail, cell: (one) => one.detail },
          { id: 'remedy', header: words.remedy, cell: (one) => one.remedy ?? texts.none },
        ]}
      />
    </SpaceBetween>
  );
}

/** What the export lacks is left for the person to fill in. */
function filledIn(draft: NonNullable<Migration['connection']>): Configuration {
  const { munchkin_id, workspace, ...rest } = draft;
  return { ...NEW, ...rest, munchkin_id: munchkin_id ?? '', workspace: workspace ?? NEW.workspace };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
