import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useState } from 'react';
import { type Needed, neededFor } from '../api/permissions.ts';
import type { Trouble } from '../api/problem.ts';
import { texts } from '../texts.ts';
import { useConsole } from './console-context.ts';

/** Why a call has no answer, and what to do; `onRetry` where it can be made again. */
export function TroubleAlert({ trouble, onRetry }: { readonly trouble: Trouble; readonly onRetry?: () => void }) {
  switch (trouble.kind) {
    case 'not_permitted':
      return <NotPermitted method={trouble.method} path={trouble.path} />;
    case 'session_over':
      return <SessionOver />;
    case 'unreachable':
      return (
        <Alert type="error" header={texts.trouble.unreachable} action={onRetry && <Again onRetry={onRetry} />}>
          {texts.trouble.unreachableHint}
        </Alert>
      );
    case 'no_answer':
      return (
        <Alert type="error" header={texts.trouble.noAnswer} action={onRetry && <Again onRetry={onRetry} />}>
          {texts.trouble.noAnswerHint(trouble.status, trouble.message)}
        </Alert>
      );
    case 'problem':
      return <ProblemAlert trouble={trouble} {...(onRetry && { onRetry })} />;
  }
}

function ProblemAlert({
  trouble: { problem },
  onRetry,
}: {
  readonly trouble: Extract<Trouble, { kind: 'problem' }>;
  readonly onRetry?: () => void;
}) {
  return (
    <Alert type="error" header={problem.title} action={onRetry && <Again onRetry={onRetry} />}>
      <SpaceBetween size="xs">
        <span className="wraps">{problem.detail}</span>
        {problem.errors.length > 0 && (
          <ul>
            {problem.errors.map((error) => (
              <li key={`${error.path} ${error.message}`}>
                <Box variant="code">{error.path}</Box> {error.message}
              </li>
            ))}
          </ul>
        )}
        {problem.correlation_id && <Box variant="small">{texts.trouble.correlation(problem.correlation_id)}</Box>}
      </SpaceBetween>
    </Alert>
  );
}

function NotPermitted({ method, path }: { readonly method: string; readonly path: string }) {
  const [needed, setNeeded] = useState<Needed | null>(null);
  useEffect(() => {
    void neededFor(method, path).then(setNeeded);
  }, [method, path]);
  return (
    <Alert type="warning" header={texts.trouble.notPermitted}>
      {needed ? texts.trouble.needed(needed.permissions, needed.personas) : texts.trouble.notPermittedHint}
    </Alert>
  );
}

function SessionOver() {
  const { session } = useConsole();
  return (
    <Alert
      type="warning"
      header={texts.trouble.sessionOver}
      action={<Button onClick={() => void session.signIn()}>{texts.trouble.signIn}</Button>}
    >
      {texts.trouble.sessionOverHint}
    </Alert>
  );
}

function Again({ onRetry }: { readonly onRetry: () => void }) {
  return <Button onClick={onRetry}>{texts.again}</Button>;
}
