import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { texts } from '../texts.ts';
import { timeOfDay } from './moments.tsx';

/** That something was saved, and when. */
export function SavedNote({ at }: { readonly at: Date | null }) {
  return (
    <div aria-live="polite">
      {at && <StatusIndicator type="success">{texts.savedAt(timeOfDay(at))}</StatusIndicator>}
    </div>
  );
}
