import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { ReactNode } from 'react';
import type { Loaded } from '../api/loaded.ts';
import { texts } from '../texts.ts';
import { TroubleAlert } from './trouble.tsx';

/**
 * What was loaded, the trouble, or that it is on its way. What is old stays below newer trouble. `title`: of a screen
 * that has no other as long as it has nothing to show.
 */
export function Answer<T>({
  of,
  title,
  children,
}: {
  readonly of: Loaded<T>;
  readonly title?: string;
  readonly children: (value: T) => ReactNode;
}) {
  const { value, trouble, reload } = of;
  if (value === null && trouble === null) {
    return (
      <SpaceBetween size="l">
        <Title>{title}</Title>
        <StatusIndicator type="loading" data-testid="loading">
          {texts.loading}
        </StatusIndicator>
      </SpaceBetween>
    );
  }
  return (
    <SpaceBetween size="l">
      {value === null && <Title>{title}</Title>}
      {trouble && <TroubleAlert trouble={trouble} onRetry={() => void reload()} />}
      {value !== null && children(value)}
    </SpaceBetween>
  );
}

/** While the code of a screen is on its way. */
export function ScreenLoading() {
  return <Spinner size="large" />;
}

function Title({ children }: { readonly children: string | undefined }) {
  return children && <Header variant="h1">{children}</Header>;
}
