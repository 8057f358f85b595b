import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { Schemas } from '../../api/interface.ts';
import { TroubleAlert } from '../../parts/trouble.tsx';
import { texts } from '../../texts.ts';
import type { Findings } from './findings.ts';

const words = texts.wizard;

/** What the stack says of these properties, or of all: what is to be mended, and what may not be as it was meant. */
export function FoundHere({ of, properties }: { readonly of: Findings; readonly properties?: readonly string[] }) {
  const isHere = ({ path }: Schemas['PropertyError']) =>
    properties === undefined || properties.includes(path.split(/[.[]/)[0] ?? '');
  const refusals = of.refusals.filter(isHere);
  const warnings = of.warnings.filter(isHere);
  return (
    <div aria-live="polite">
      <SpaceBetween size="s">
        {of.isOld && <StatusIndicator type="loading">{words.checking}</StatusIndicator>}
        {of.trouble && refusals.length === 0 && <TroubleAlert trouble={of.trouble} onRetry={of.lookAgain} />}
        {refusals.length > 0 && (
          <Alert type="error" header={words.mend}>
            <Told all={refusals} />
          </Alert>
        )}
        {warnings.length > 0 && (
          <Alert type="warning" header={words.warnings}>
            <Told all={warnings} />
          </Alert>
        )}
        {!of.isOld && of.answer !== null && refusals.length === 0 && warnings.length === 0 && (
          <StatusIndicator type="success">{words.allWell}</StatusIndicator>
        )}
      </SpaceBetween>
    </div>
  );
}

function Told({ all }: { readonly all: readonly Schemas['PropertyError'][] }) {
  return (
    <ul>
      {all.map((one) => (
        <li key={`${one.path} ${one.message}`} className="wraps">
          <Box variant="code">{one.path}</Box> {one.message}
        </li>
      ))}
    </ul>
  );
}
