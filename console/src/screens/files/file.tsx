import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change.ts';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { addresses } from '../../app/addresses.ts';
import { Answer } from '../../parts/answer.tsx';
import { ChangeState } from '../../parts/change-state.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { Moment, moment } from '../../parts/moments.tsx';
import { texts } from '../../texts.ts';
import { Actions } from './actions.tsx';
import { FileStatus, outcomesInWords } from './file-status.tsx';
import { Held } from './held.tsx';
import { changesWithin, isEnded, percent, runOf } from './rules.ts';

type Shown = Schemas['FileOut'];

const PATH = '/connections/{connection_id}/files/{file_id}';
const words = texts.files;

/** One file: how far it is, what became of its rows, and what it waits for. */
export function Screen() {
  const { connectionId = '', fileId = '' } = useParams();
  const { api } = useConsole();
  const [every, setEvery] = useState(changesWithin(undefined));
  const file = useLoaded(
    useCallback(
      async (signal) => {
        const params = { path: { connection_id: connectionId, file_id: fileId } };
        const found = await answered(api.GET(PATH, { params, signal }));
        setEvery(changesWithin(found));
        return found;
      },
      [api, connectionId, fileId],
    ),
    every,
  );
  const change = useChange(file.reload);
  return (
    <Answer of={file} title={words.header}>
      {(found) => (
        <ContentLayout
          header={
            <SpaceBetween size="xs">
              <Link href={addresses.files(connectionId)}>{words.header}</Link>
              <Header
                variant="h1"
                description={words.modes[found.mode]}
                actions={<Actions id={connectionId} file={found} change={change} />}
              >
                <span className="wraps">{found.name}</span>
              </Header>
              <FileStatus of={found} />
              <ChangeState of={change} />
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <Refused of={found} />
            <Held of={found} />
            <Absent of={found} />
            <Progress of={found} />
            <Facts id={connectionId} of={found} />
          </SpaceBetween>
        </ContentLayout>
      )}
    </Answer>
  );
}

/** Why a file was refused, or not read to its end, and what it lacks. */
function Refused({ of: { code, status, message, missing } }: { readonly of: Shown }) {
  if (code === null) {
    return null;
  }
  return (
    <Alert type="error" header={status === 'refused' ? words.refusedHeader(code) : words.brokenHeader(code)}>
      <SpaceBetween size="xs">
        {message}
        {missing.length > 0 && <Columns label={words.missing} names={missing} />}
      </SpaceBetween>
    </Alert>
  );
}

/** What is mapped and will not be sent. */
function Absent({ of: { absent } }: { readonly of: Shown }) {
  if (absent.length === 0) {
    return null;
  }
  return (
    <Alert type="info">
      <Columns label={words.absent} names={absent} />
    </Alert>
  );
}

function Columns({ label, names }: { readonly label: string; readonly names: readonly string[] }) {
  return (
    <div>
      {label}:
      <ul>
        {names.map((name) => (
          <li key={name}>
            <Box variant="code">{name}</Box>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Progress({ of: file }: { readonly of: Shown }) {
  if (isEnded(file) || file.rows === 0) {
    return null;
  }
  return (
    <Container>
      <ProgressBar
        label={words.progress}
        value={percent(file)}
        description={words.settledOf(file.settled, file.rows)}
        {...(file.ends_at !== null && { additionalInfo: words.endsAt(moment(file.ends_at)) })}
      />
    </Container>
  );
}

function Facts({ id, of: file }: { readonly id: string; readonly of: Shown }) {
  const audience = useAudience(id, file.activation_id);
  const items: KeyValuePairsProps.Item[] = [
    { label: words.audience, value: audience },
    { label: words.outcomes, value: outcomesInWords(file.outcomes) },
    { label: words.settled, value: words.settledOf(file.settled, file.rows) },
    { label: words.rejected, value: file.rejected },
    { label: words.size, value: `${file.size.toLocaleString()} ${words.bytes}` },
    { label: words.created, value: <Moment at={file.created_at} /> },
    { label: words.received, value: <Moment at={file.received_at} /> },
    { label: words.finished, value: <Moment at={file.finished_at} /> },
  ];
  if (file.mode === 'mirror') {
    items.push({ label: words.left, value: file.left });
  }
  return (
    <Container
      header={<Header variant="h2">{words.status}</Header>}
      footer={
        <SpaceBetween size="xs">
          {file.received_at !== null && <Link href={addresses.runs(id, runOf(file.received_at))}>{words.run}</Link>}
          {file.verification !== null && (
            <Link href={addresses.verification(id, file.verification)}>{words.verification}</Link>
          )}
        </SpaceBetween>
      }
    >
      <KeyValuePairs columns={4} items={items} />
    </Container>
  );
}

/** What the audience of an activation is called; its id until that is known, and where nobody may know it. */
function useAudience(id: string, activation: string | null): string {
  const { api } = useConsole();
  const load = useCallback(
    async (signal: AbortSignal) => {
      const call = api.GET('/connections/{connection_id}/audiences', { params: ofConnection(id), signal });
      return (await answered(call)).audiences.find((one) => one.activation_id === activation)?.name;
    },
    [api, id, activation],
  );
  const { value } = useLoaded(load);
  return value ?? activation ?? words.byRows;
}
