import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useState } from 'react';
import type { Versioned } from '../api/interface.ts';
import { useLoaded } from '../api/loaded.ts';
import { Answer } from './answer.tsx';
import { SavedNote } from './saved-note.tsx';

/** What a form needs that changes something of which there are versions. `found.etag` is the form's key. */
export interface VersionedForm<T> {
  readonly found: Versioned<T>;
  readonly read: () => Promise<Versioned<T>>;
  readonly onSaved: () => void;
  /** Shows what is there by now. */
  readonly onDone: () => Promise<void>;
}

/** A screen with such a form. `note`: where it says that something was saved; `below`: what stands by itself. */
export function VersionedScreen<T>({
  header,
  description,
  read,
  below,
  children,
}: {
  readonly header: string;
  readonly description: string;
  /** Made by `useCallback`, with what it depends on. */
  readonly read: (signal?: AbortSignal) => Promise<Versioned<T>>;
  readonly below?: ReactNode;
  readonly children: (form: VersionedForm<T>, note: ReactNode) => ReactNode;
}) {
  const loaded = useLoaded(read);
  const [savedAt, setSavedAt] = useState<Date | null>(null);
  const onSaved = () => setSavedAt(new Date());
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={description}>
          {header}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Answer of={loaded}>
          {(found) => (
            <SpaceBetween size="l">
              {children({ found, read, onSaved, onDone: loaded.reload }, <SavedNote at={savedAt} />)}
            </SpaceBetween>
          )}
        </Answer>
        {below}
      </SpaceBetween>
    </ContentLayout>
  );
}
