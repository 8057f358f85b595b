import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, type Schemas, versioned } from '../../api/interface.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { Commas } from '../../parts/commas.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { OneOf } from '../../parts/one-of.tsx';
import { Rows } from '../../parts/rows.tsx';
import { type VersionedForm, VersionedScreen } from '../../parts/versioned-screen.tsx';
import { texts } from '../../texts.ts';

type Policies = Schemas['PoliciesOut'];
type Policy = Schemas['PolicyOut'];

const words = texts.governance;
const EMPTY = { id: '', name: '', label: '', actions: [] as string[] };

/** The policies of the stack: what each denies, and whether it refuses, warns or does nothing. */
export function Screen() {
  const { api } = useConsole();
  const read = useCallback(
    (signal?: AbortSignal) => versioned(api.GET('/governance/policies', { ...(signal && { signal }) })),
    [api],
  );
  return (
    <VersionedScreen header={words.header} description={words.description} read={read}>
      {(form, note) => (
        <>
          {note}
          <Edited key={form.found.etag} {...form} />
        </>
      )}
    </VersionedScreen>
  );
}

function Edited({ found, read, onSaved, onDone }: VersionedForm<Policies>) {
  const { api } = useConsole();
  const [policies, setPolicies] = useState<readonly Policy[]>(found.value.policies);
  const change = useChange(onDone);
  const save = () =>
    change.runVersioned({
      based: found,
      read,
      write: async (etag) => {
        const body = { policies: [...policies] };
        await answered(api.PUT('/governance/policies', { params: { header: { 'if-match': etag } }, body }));
        onSaved();
      },
    });
  const put = (id: string, status: Policy['status']) =>
    setPolicies(policies.map((one) => (one.id === id ? { ...one, status } : one)));
  return (
    <SpaceBetween size="l">
      <ChangeState of={change} />
      <Rows
        items={policies}
        trackBy={({ id }) => id}
        header={
          <Header
            variant="h2"
            counter={`(${policies.length})`}
            actions={
              <Button variant="primary" loading={change.isBusy} onClick={() => void save()}>
                {texts.save}
              </Button>
            }
          >
            {words.policies}
          </Header>
        }
        empty={words.none}
        columns={[
          { id: 'name', header: words.policy, isRowHeader: true, cell: (one) => one.name || one.id },
          { id: 'actions', header: words.actions, cell: (one) => one.marketing_actions.join(', ') },
          { id: 'deny', header: words.denies, cell: (one) => denied(one.deny) },
          {
            id: 'status',
            header: words.status,
            minWidth: 180,
            cell: (one) => (
              <OneOf
                value={one.status}
                names={words.statuses}
                label={words.statusOf(one.name || one.id)}
                onChange={(status) => put(one.id, status)}
              />
            ),
          },
        ]}
      />
      <NewPolicy onAdd={(one) => setPolicies([...policies, one])} />
    </SpaceBetween>
  );
}

/** A policy of one label; others are written by the interface, or by the command. */
function NewPolicy({ onAdd }: { readonly onAdd: (policy: Policy) => void }) {
  const [now, setNow] = useState(EMPTY);
  const add = () => {
    const { id, name, label, actions } = now;
    onAdd({ id, name, description: null, status: 'draft', marketing_actions: actions, deny: { label } });
    setNow(EMPTY);
  };
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <Button disabled={now.id === '' || now.label === ''} onClick={add}>
              {texts.add}
            </Button>
          }
        >
          {words.custom}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <FormField label={words.id}>
          <Input value={now.id} onChange={({ detail }) => setNow({ ...now, id: detail.value })} />
        </FormField>
        <FormField label={words.name}>
          <Input value={now.name} onChange={({ detail }) => setNow({ ...now, name: detail.value })} />
        </FormField>
        <FormField label={words.actions} constraintText={texts.commas}>
          <Commas value={now.actions} onChange={(actions) => setNow({ ...now, actions })} />
        </FormField>
        <FormField label={words.label}>
          <Input value={now.label} onChange={({ detail }) => setNow({ ...now, label: detail.value })} />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}

function denied(deny: Policy['deny']): string {
  if ('label' in deny) {
    return deny.label;
  }
  const parts = deny.operands.map((one) => ('label' in one ? one.label : `(${denied(one)})`));
  return parts.join(deny.operator === 'AND' ? words.and : words.or);
}
