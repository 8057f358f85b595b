import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { addresses } from '../../app/addresses.ts';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { remember, remembered } from './shown-once.ts';

const words = texts.wizard.sender;

/** What is to be entered at the sender, with the token, which is shown once. */
export function Sender({ connection }: { readonly connection: Schemas['ConnectionOut'] }) {
  const { id, name, status } = connection;
  const { api } = useConsole();
  const [ingest, setIngest] = useState(remembered(id));
  const change = useChange(() => {});
  const rotate = () =>
    change.run(async () => {
      const made = await answered(api.POST('/connections/{connection_id}/ingest-token', { params: ofConnection(id) }));
      remember(id, made);
      setIngest(made);
    });
  return (
    <SpaceBetween size="l">
      <Header variant="h1" actions={<Button href={addresses.connection(id)}>{words.toConnection}</Button>}>
        {status === 'enabled' ? words.header(name) : words.savedHeader(name)}
      </Header>
      <ChangeState of={change} />
      {ingest === null ? (
        <Alert type="info" action={<Button onClick={() => void rotate()}>{words.rotate}</Button>}>
          {words.lost}
        </Alert>
      ) : (
        <Container header={<Header variant="h2">{words.recipe}</Header>}>
          <Given ingest={ingest} format={connection.source.format} />
        </Container>
      )}
    </SpaceBetween>
  );
}

function Given({ ingest, format }: { readonly ingest: Schemas['IngestOut']; readonly format: string }) {
  return (
    <SpaceBetween size="m">
      <KeyValuePairs
        columns={1}
        items={[
          { label: words.url, value: <Copied text={ingest.url} /> },
          { label: words.token, value: <Copied text={ingest.token} />, info: words.once },
          ...(ingest.signing_key
            ? [{ label: words.signingKey, value: <Copied text={ingest.signing_key} />, info: words.once }]
            : []),
        ]}
      />
      <Box variant="p">{words.post}</Box>
      <Box variant="p">{words.sources[format] ?? words.otherSource}</Box>
    </SpaceBetween>
  );
}

function Copied({ text }: { readonly text: string }) {
  return (
    <span className="wraps">
      <CopyToClipboard
        variant="inline"
        textToCopy={text}
        copyButtonAriaLabel={texts.copy}
        copySuccessText={texts.copied}
        copyErrorText={texts.notCopied}
      />
    </span>
  );
}
