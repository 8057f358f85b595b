import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';
import { useCallback } from 'react';
import { answered, ofConnection } from '../api/interface.ts';
import { useLoaded } from '../api/loaded.ts';
import { texts } from '../texts.ts';
import { useConsole } from './console-context.ts';

/** One of a connection's audiences, by its activation; `other`: what is chosen in place of one, as ''. */
export function AudienceChoice({
  id,
  label,
  other,
  value,
  onChoose,
}: {
  readonly id: string;
  readonly label: string;
  readonly other: string | null;
  readonly value: string;
  readonly onChoose: (activation: string) => void;
}) {
  const { api } = useConsole();
  const audiences = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/audiences', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  const options = [
    ...(other === null ? [] : [{ value: '', label: other }]),
    ...(audiences.value?.audiences ?? []).map((one) => ({ value: one.activation_id, label: one.name })),
  ];
  return (
    <FormField label={label}>
      <Select
        options={options}
        filteringType="auto"
        statusType={audiences.isLoading ? 'loading' : audiences.trouble ? 'error' : 'finished'}
        loadingText={texts.loading}
        errorText={texts.trouble.noAnswer}
        recoveryText={texts.again}
        onLoadItems={() => audiences.trouble && void audiences.reload()}
        selectedOption={options.find((one) => one.value === value) ?? null}
        onChange={({ detail }) => onChoose(detail.selectedOption.value ?? '')}
      />
    </FormField>
  );
}
