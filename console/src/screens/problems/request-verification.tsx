import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { addresses } from '../../app/addresses.ts';
import { AudienceChoice } from '../../parts/audience-choice.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';

type Repair = Schemas['Repair'];

const REPAIRS: readonly Repair[] = ['missing', 'leavers', 'foreign'];
const words = texts.problems;

/** Asks what to verify, and what to repair; then shows how it goes. */
export function RequestVerification({
  id,
  repair: wanted,
  onCancel,
}: {
  readonly id: string;
  readonly repair: readonly Repair[];
  readonly onCancel: () => void;
}) {
  const { api } = useConsole();
  const navigate = useNavigate();
  const [repair, setRepair] = useState<readonly Repair[]>(wanted);
  const [activation, setActivation] = useState('');
  const change = useChange(() => {});
  const start = () =>
    change.run(async () => {
      const body = { activation_id: activation || null, repair: [...repair] };
      const call = api.POST('/connections/{connection_id}/verifications', { params: ofConnection(id), body });
      const requested = await answered(call);
      onCancel();
      await navigate(addresses.verification(id, requested.id).slice(1));
    });
  const toggle = (one: Repair, isOn: boolean) =>
    setRepair(REPAIRS.filter((other) => (other === one ? isOn : repair.includes(other))));
  return (
    <Modal
      visible
      header={words.verifyHeader}
      onDismiss={onCancel}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onCancel}>{texts.cancel}</Button>
            <Button variant="primary" loading={change.isBusy} onClick={() => void start()}>
              {words.start}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <ChangeState of={change} />
        <AudienceChoice
          id={id}
          label={words.verifyAudience}
          other={words.allAudiences}
          value={activation}
          onChoose={setActivation}
        />
        <FormField label={words.verifyRepair}>
          {REPAIRS.map((one) => (
            <Checkbox key={one} checked={repair.includes(one)} onChange={({ detail }) => toggle(one, detail.checked)}>
              {words.repair[one]}
            </Checkbox>
          ))}
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}
