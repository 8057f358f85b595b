import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useRouteError } from 'react-router';
import { texts } from '../texts.ts';

/** For an address of no screen. */
export function NoScreen() {
  return (
    <SpaceBetween size="l">
      <Header variant="h1">{texts.trouble.noScreen}</Header>
      <Alert type="info">{texts.trouble.noScreenHint}</Alert>
    </SpaceBetween>
  );
}

/** For a screen whose code did not come, or that fell over. */
export function ScreenFailed() {
  const error = useRouteError();
  return (
    <Alert
      type="error"
      header={texts.trouble.screen}
      action={<Button onClick={() => location.reload()}>{texts.again}</Button>}
    >
      {error instanceof Error ? error.message : null}
    </Alert>
  );
}
