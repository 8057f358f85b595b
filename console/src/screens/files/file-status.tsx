import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { Schemas } from '../../api/interface.ts';
import { texts } from '../../texts.ts';

const SIGNS: Record<Schemas['FileStatus'], StatusIndicatorProps.Type> = {
  awaited: 'pending',
  counting: 'in-progress',
  held: 'warning',
  reading: 'in-progress',
  delivering: 'in-progress',
  leaving: 'in-progress',
  cancelling: 'in-progress',
  completed: 'success',
  refused: 'error',
  cancelled: 'stopped',
};

type Shown = Pick<Schemas['FileOut'], 'status' | 'code'>;

/** How far a file is, with the code of why it was refused, or not read to its end. */
export function FileStatus({ of }: { readonly of: Shown }) {
  const sign = of.status === 'completed' && of.code !== null ? 'warning' : SIGNS[of.status];
  return (
    <StatusIndicator type={sign}>
      {texts.files.statuses[of.status]}
      {of.code && ` (${of.code})`}
    </StatusIndicator>
  );
}

/** What became of rows, where anything did. */
export function outcomesInWords(outcomes: Schemas['FileOut']['outcomes']): string {
  const names = Object.entries(texts.files.counts);
  const told = names.filter(([name]) => outcomes[name]).map(([name, word]) => `${outcomes[name]} ${word}`);
  return told.join(', ') || texts.files.none;
}
