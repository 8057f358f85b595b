import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { answered, ofConnection } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { Commas } from '../../parts/commas.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { MomentField } from '../../parts/moment-field.tsx';
import { OneOf } from '../../parts/one-of.tsx';
import { texts } from '../../texts.ts';
import type { Audience } from './draft.ts';

const words = texts.wizard.audiences;

/** An audience by hand; who and what an activated one is cannot be changed. */
export function AudienceForm({
  id,
  audience,
  onClose,
}: {
  readonly id: string;
  readonly audience: Audience | null;
  readonly onClose: (audience: Audience | null) => void;
}) {
  const [now, setNow] = useState<Audience>(audience ?? { id: '', name: '' });
  const put = (part: Partial<Audience>) => setNow({ ...now, ...part });
  const isActivated = now.activation_id !== undefined;
  return (
    <Modal
      visible
      header={words.form}
      onDismiss={() => onClose(null)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={() => onClose(null)}>{texts.cancel}</Button>
            <Button variant="primary" onClick={() => onClose(now)}>
              {texts.done}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <FormField label={words.id}>
          <Input value={now.id} disabled={isActivated} onChange={({ detail }) => put({ id: detail.value })} />
        </FormField>
        <FormField label={words.name} constraintText={words.nameHint}>
          <Input value={now.name} onChange={({ detail }) => put({ name: detail.value })} />
        </FormField>
        <FormField label={words.namespace} constraintText={words.namespaceHint}>
          <Input
            value={now.namespace ?? ''}
            disabled={isActivated}
            onChange={({ detail }) => put({ namespace: detail.value || null })}
          />
        </FormField>
        <FormField label={words.list}>
          <Lists id={id} value={now.list?.id ?? null} onChange={(list) => put({ list })} />
        </FormField>
        <MomentField label={words.start} value={now.start ?? null} onChange={(start) => put({ start })} />
        <MomentField label={words.end} value={now.end ?? null} onChange={(end) => put({ end })} />
        <FormField label={words.whenListMissing}>
          <OneOf
            value={now.when_list_missing ?? 'block'}
            names={words.whenListMissingOptions}
            onChange={(when_list_missing) => put({ when_list_missing })}
          />
        </FormField>
        <FormField label={words.labels} constraintText={texts.commas}>
          <Commas value={now.labels ?? []} onChange={(labels) => put({ labels })} />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}

/** The list of the audience's name, or one that Marketo has; found by a part of its name. */
function Lists({
  id,
  value,
  onChange,
}: {
  readonly id: string;
  readonly value: number | null;
  readonly onChange: (list: { id: number } | null) => void;
}) {
  const { api } = useConsole();
  const [name, setName] = useState('');
  const lists = useLoaded(
    useCallback(
      (signal) => {
        const params = { ...ofConnection(id), ...(name && { query: { name } }) };
        return answered(api.GET('/connections/{connection_id}/marketo/lists', { params, signal }));
      },
      [api, id, name],
    ),
  );
  const found = (lists.value?.lists ?? []).map((one) => ({
    value: String(one.id),
    label: `${one.name} (${one.id})`,
    ...(one.workspace && { description: one.workspace }),
  }));
  const chosen = String(value ?? '');
  const kept =
    value === null || found.some((one) => one.value === chosen) ? [] : [{ value: chosen, label: words.listIs(value) }];
  const options = [{ value: '', label: words.listByName }, ...kept, ...found];
  return (
    <Select
      options={options}
      filteringType="manual"
      statusType={lists.isLoading ? 'loading' : lists.trouble ? 'error' : 'finished'}
      loadingText={texts.loading}
      errorText={texts.trouble.noAnswer}
      onLoadItems={({ detail }) => setName(detail.filteringText)}
      selectedOption={options.find((one) => one.value === chosen) ?? null}
      onChange={({ detail }) => {
        const { value: list } = detail.selectedOption;
        onChange(list ? { id: Number(list) } : null);
      }}
    />
  );
}
