import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { Schemas } from '../../api/interface.ts';

const SIGNS: Record<Schemas['VerificationStatus'], StatusIndicatorProps.Type> = {
  queued: 'pending',
  running: 'in-progress',
  completed: 'success',
  failed: 'error',
  cancelled: 'stopped',
};

/** How far a verification is, in the interface's word, with the code of a failure. */
export function VerificationStatus({ of }: { readonly of: Pick<Schemas['VerificationSummary'], 'status' | 'code'> }) {
  return (
    <StatusIndicator type={SIGNS[of.status]}>
      {of.status}
      {of.code && ` (${of.code})`}
    </StatusIndicator>
  );
}
