import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Schemas } from '../../api/interface.ts';
import { duration } from '../../parts/moments.tsx';
import { texts } from '../../texts.ts';
import { share } from './rules.ts';

type Shown = Schemas['FileOut'];

const words = texts.files;

/** Why a mirror waits for a person's yes, and what it would do. */
export function Held({ of: file }: { readonly of: Shown }) {
  if (file.status !== 'held') {
    return null;
  }
  return (
    <SpaceBetween size="m">
      <Alert type="warning" header={words.heldHeader}>
        <ul>
          {file.holds.map((hold) => (
            <li key={hold}>{words.holds[hold]}</li>
          ))}
        </ul>
      </Alert>
      {file.preview && (
        <Container header={<Header variant="h2">{words.preview}</Header>}>
          <Preview of={file.preview} before={file.before} />
        </Container>
      )}
    </SpaceBetween>
  );
}

/** What a mirror would do, as far as it is known. */
export function Preview({
  of: preview,
  before,
}: {
  readonly of: NonNullable<Shown['preview']>;
  readonly before: number | null;
}) {
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: words.named, value: preview.named },
        { label: words.before, value: before ?? texts.none },
        { label: words.onList, value: preview.on_list ?? words.unknown },
        { label: words.joining, value: preview.joining ?? words.unknown },
        { label: words.leaving, value: preview.leaving ?? words.unknown },
        { label: words.creating, value: preview.creating ?? words.notLookedAt },
        { label: words.updating, value: preview.updating },
        { label: words.crm, value: words.crmHours(preview.crm_hours) },
        { label: words.calls, value: words.callsOf(preview.calls, share(preview.share)) },
        { label: words.takes, value: duration(preview.seconds) },
        { label: words.bulkCalls, value: preview.bulk_calls ?? words.noImports },
      ]}
    />
  );
}
