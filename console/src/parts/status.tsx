import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { Schemas } from '../api/interface.ts';
import { texts } from '../texts.ts';

const SIGNS: Record<Schemas['Status'], StatusIndicatorProps.Type> = {
  draft: 'pending',
  enabled: 'success',
  disabled: 'stopped',
  blocked: 'error',
  deleting: 'in-progress',
};

/** The status of a connection, in the interface's word. */
export function ConnectionStatus({ status }: { readonly status: Schemas['Status'] }) {
  return <StatusIndicator type={SIGNS[status]}>{texts.statuses[status]}</StatusIndicator>;
}
