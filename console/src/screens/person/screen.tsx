import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { Erase } from './erase.tsx';
import { Found } from './found.tsx';

const words = texts.person;

/** Who was looked up, and what the interface found. The value stands in no address, and is kept nowhere. */
interface Asked {
  readonly lookup: Schemas['LookupIn'];
  readonly found: Schemas['LookedUpPersonOut'];
}

/** One value in: what the source said of the person, what Marketo was told, what it has, and what would happen next. */
export function Screen() {
  const { connectionId = '' } = useParams();
  const { api } = useConsole();
  const [value, setValue] = useState('');
  const [source, setSource] = useState('');
  const [withValues, setWithValues] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const change = useChange(() => {});
  const lookUp = async () => {
    setAsked(null);
    await change.run(async () => {
      const lookup = { value, source: source || null };
      const path = withValues
        ? '/connections/{connection_id}/people/profiles'
        : '/connections/{connection_id}/people/lookups';
      const found = await answered(api.POST(path, { params: ofConnection(connectionId), body: lookup }));
      setAsked({ lookup, found });
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
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void lookUp();
          }}
        >
          <Container>
            <Form
              actions={
                <Button variant="primary" loading={change.isBusy} disabled={value === ''}>
                  {words.lookUp}
                </Button>
              }
            >
              <SpaceBetween size="m">
                <FormField label={words.value} constraintText={words.valueHint}>
                  <Input
                    value={value}
                    onChange={({ detail }) => setValue(detail.value)}
                    autoComplete={false}
                    autoFocus
                    spellcheck={false}
                  />
                </FormField>
                <SourceChoice id={connectionId} value={source} onChoose={setSource} />
                <Checkbox checked={withValues} onChange={({ detail }) => setWithValues(detail.checked)}>
                  {words.showValues}
                </Checkbox>
              </SpaceBetween>
            </Form>
          </Container>
        </form>
        <ChangeState of={change} />
        {asked && (
          <Found
            id={connectionId}
            of={asked.found}
            action={<Erase key={asked.found.name} id={connectionId} person={asked.lookup} />}
          />
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

/** The sources of the mapping; where they cannot be read, people are looked up by what they are found by. */
function SourceChoice({
  id,
  value,
  onChoose,
}: {
  readonly id: string;
  readonly value: string;
  readonly onChoose: (source: string) => void;
}) {
  const { api } = useConsole();
  const connection = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  const rows = connection.value?.mapping ?? [];
  const options = [
    { value: '', label: words.sourceDefault },
    ...rows.map((row) => ({ value: row.source, label: row.source, description: texts.from(row.source, row.target) })),
  ];
  return (
    <FormField label={words.source}>
      <Select
        options={options}
        selectedOption={options.find((one) => one.value === value) ?? null}
        onChange={({ detail }) => onChoose(detail.selectedOption.value ?? '')}
      />
    </FormField>
  );
}
