import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback } from 'react';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { Choice } from './choice.tsx';
import { FoundHere } from './found-here.tsx';
import type { Step } from './step.ts';

type Credentials = Schemas['CredentialsIn'];

const words = texts.wizard.marketo;
const PROPERTIES = ['name', 'description', 'munchkin_id', 'workspace', 'source', 'credentials'];

/** Which Marketo instance, as whom, in which workspace; and where the events come from. */
export function MarketoStep({
  step: { draft, configure, findings },
  credentials,
  onCredentials,
}: {
  readonly step: Step;
  readonly credentials: Credentials;
  readonly onCredentials: (credentials: Credentials) => void;
}) {
  const { configuration } = draft;
  const id = draft.based?.connection.id ?? null;
  const formats = Object.entries(texts.wizard.sender.sources).map(([value, description]) => ({ value, description }));
  return (
    <Container>
      <SpaceBetween size="m">
        <FormField label={words.name} errorText={findings.at('name')}>
          <Input value={configuration.name} onChange={({ detail }) => configure({ name: detail.value })} />
        </FormField>
        <FormField label={words.about} errorText={findings.at('description')}>
          <Input
            value={configuration.description ?? ''}
            onChange={({ detail }) => configure({ description: detail.value || null })}
          />
        </FormField>
        <FormField label={words.munchkin} constraintText={words.munchkinHint} errorText={findings.at('munchkin_id')}>
          <Input
            value={configuration.munchkin_id}
            onChange={({ detail }) => configure({ munchkin_id: detail.value })}
            spellcheck={false}
          />
        </FormField>
        <FormField
          label={words.clientId}
          constraintText={id === null ? words.credentialsHint : words.credentialsKept}
          errorText={findings.at('credentials.client_id')}
        >
          <Input
            value={credentials.client_id}
            onChange={({ detail }) => onCredentials({ ...credentials, client_id: detail.value })}
            autoComplete={false}
            spellcheck={false}
          />
        </FormField>
        <FormField label={words.clientSecret} errorText={findings.at('credentials.client_secret')}>
          <Input
            type="password"
            value={credentials.client_secret}
            onChange={({ detail }) => onCredentials({ ...credentials, client_secret: detail.value })}
            autoComplete={false}
          />
        </FormField>
        <FormField label={words.workspace} constraintText={words.workspaceHint} errorText={findings.at('workspace')}>
          <Workspaces id={id} value={configuration.workspace} onChange={(workspace) => configure({ workspace })} />
        </FormField>
        <FormField label={words.source} constraintText={words.sourceHint} errorText={findings.at('source.format')}>
          <Choice
            value={configuration.source.format}
            options={formats}
            onChange={(format) => configure({ source: { ...configuration.source, format } })}
          />
        </FormField>
        <FoundHere of={findings} properties={PROPERTIES} />
      </SpaceBetween>
    </Container>
  );
}

function Workspaces({
  id,
  value,
  onChange,
}: {
  readonly id: string | null;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const { api } = useConsole();
  const found = useLoaded(
    useCallback(
      async (signal) =>
        id === null
          ? null
          : answered(api.GET('/connections/{connection_id}/marketo/workspaces', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  const options = (found.value?.workspaces ?? []).map(({ name }) => ({ value: name }));
  return <Choice value={value} options={options} onChange={onChange} />;
}
