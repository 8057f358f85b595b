import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useCallback } from 'react';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { Choice } from './choice.tsx';
import { FoundHere } from './found-here.tsx';
import type { Step } from './step.ts';

type SyncType = Schemas['SyncType'];
type PersonAction = Schemas['PersonAction'];

interface Rule {
  readonly id: string;
  readonly syncType: SyncType;
  readonly personAction: PersonAction;
  readonly found: string;
  readonly notFound: string;
}

const words = texts.wizard.matching;
const PROPERTIES = ['sync_type', 'person_action', 'dedupe_field', 'partition', 'generation', 'ecid_field'];
const SYNC_TYPES = Object.keys(words.syncTypes) as SyncType[];
const PERSON_ACTIONS = Object.keys(words.personActions) as PersonAction[];
const FOUND: Record<SyncType, string> = {
  profile_only: words.updates,
  audience_only: words.joins,
  audience_and_profile: words.both,
};

/** The matching rules in six rows, as docs/configuration.md has them. */
const RULES: readonly Rule[] = SYNC_TYPES.flatMap((syncType) =>
  PERSON_ACTIONS.map((personAction) => ({
    id: `${syncType} ${personAction}`,
    syncType,
    personAction,
    found: FOUND[syncType],
    notFound:
      personAction === 'update_existing_only'
        ? words.excluded
        : syncType === 'profile_only'
          ? words.creates
          : words.createsJoins,
  })),
);

/** What is synchronised, and what becomes of people whom Marketo has, or has not. */
export function MatchingStep({ draft, configure, findings }: Step) {
  const { configuration } = draft;
  const chosen = RULES.find(
    (one) => one.syncType === configuration.sync_type && one.personAction === configuration.person_action,
  );
  return (
    <SpaceBetween size="l">
      <Container>
        <SpaceBetween size="m">
          <FormField label={words.syncType} errorText={findings.at('sync_type')}>
            <RadioGroup
              value={configuration.sync_type}
              items={SYNC_TYPES.map((value) => ({ value, label: words.syncTypes[value] }))}
              onChange={({ detail }) => configure({ sync_type: detail.value as SyncType })}
            />
          </FormField>
          <FormField label={words.personAction} errorText={findings.at('person_action')}>
            <RadioGroup
              value={configuration.person_action}
              items={PERSON_ACTIONS.map((value) => ({ value, label: words.personActions[value] }))}
              onChange={({ detail }) => configure({ person_action: detail.value as PersonAction })}
            />
          </FormField>
        </SpaceBetween>
      </Container>
      <Table
        wrapLines
        items={RULES}
        trackBy="id"
        selectionType="single"
        selectedItems={chosen ? [chosen] : []}
        onSelectionChange={({ detail: { selectedItems } }) => {
          const [rule] = selectedItems;
          if (rule) {
            configure({ sync_type: rule.syncType, person_action: rule.personAction });
          }
        }}
        header={<Header variant="h2">{words.table}</Header>}
        ariaLabels={{
          selectionGroupLabel: words.table,
          itemSelectionLabel: (_, one) => `${words.syncTypes[one.syncType]}, ${words.personActions[one.personAction]}`,
        }}
        columnDefinitions={[
          {
            id: 'sync',
            minWidth: 130,
            header: words.syncType,
            isRowHeader: true,
            cell: (one) => words.syncTypes[one.syncType],
          },
          {
            id: 'action',
            minWidth: 150,
            header: words.personAction,
            cell: (one) => words.personActions[one.personAction],
          },
          { id: 'found', minWidth: 150, header: words.found, cell: (one) => one.found },
          { id: 'not', minWidth: 150, header: words.notFound, cell: (one) => one.notFound },
        ]}
      />
      <FieldAndPartition draft={draft} configure={configure} findings={findings} />
      <FoundHere of={findings} properties={PROPERTIES} />
    </SpaceBetween>
  );
}

function FieldAndPartition({ draft, configure, findings }: Omit<Step, 'change'>) {
  const { api } = useConsole();
  const { configuration } = draft;
  const id = draft.based?.connection.id ?? '';
  const fields = useLoaded(
    useCallback(
      (signal) =>
        answered(api.GET('/connections/{connection_id}/marketo/dedupe-fields', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  const partitions = useLoaded(
    useCallback(
      (signal) =>
        answered(api.GET('/connections/{connection_id}/marketo/partitions', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  return (
    <Container>
      <SpaceBetween size="m">
        <FormField label={words.dedupeField} errorText={findings.at('dedupe_field')}>
          <Choice
            value={configuration.dedupe_field}
            options={(fields.value?.dedupe_fields ?? []).map((one) => ({
              value: one.name,
              description: one.display_name,
              ...(one.type && { labelTag: one.type }),
            }))}
            onChange={(dedupe_field) => configure({ dedupe_field })}
          />
        </FormField>
        <FormField label={words.partition} constraintText={words.partitionHint} errorText={findings.at('partition')}>
          <Choice
            value={configuration.partition ?? ''}
            options={(partitions.value?.partitions ?? []).map(({ name }) => ({ value: name }))}
            onChange={(partition) => configure({ partition: partition || null })}
          />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}
