import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { Change } from '../../api/change.ts';
import { answered, type Schemas } from '../../api/interface.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { Preview } from './held.tsx';
import { isEnded } from './rules.ts';

type Shown = Schemas['FileOut'];

const PATH = '/connections/{connection_id}/files/{file_id}';
const words = texts.files;

/** What can be done with a file, as it stands: approve or cancel it, or fetch its result. */
export function Actions({ id, file, change }: { readonly id: string; readonly file: Shown; readonly change: Change }) {
  const { api } = useConsole();
  const [asking, setAsking] = useState<'approve' | 'cancel' | null>(null);
  const params = { path: { connection_id: id, file_id: file.id } };
  const approve = () => answered(api.POST(`${PATH}/approve`, { params }));
  const cancel = () => answered(api.DELETE(PATH, { params }));
  const fetchResult = async () => {
    const { url } = await answered(api.GET(`${PATH}/result`, { params }));
    location.assign(url); // the browser saves it, and the page stays
  };
  const act = async (call: () => Promise<unknown>) => {
    await change.run(call);
    setAsking(null);
  };
  const hasResult = file.finished_at !== null && Object.values(file.outcomes).some((count) => count > 0);
  return (
    <>
      <SpaceBetween size="xs" direction="horizontal">
        {hasResult && (
          <Button iconName="download" loading={change.isBusy} onClick={() => void change.run(fetchResult)}>
            {words.result}
          </Button>
        )}
        {!isEnded(file) && file.status !== 'cancelling' && (
          <Button onClick={() => setAsking('cancel')}>{words.cancel}</Button>
        )}
        {file.status === 'held' && (
          <Button variant="primary" onClick={() => setAsking('approve')}>
            {words.approve}
          </Button>
        )}
      </SpaceBetween>
      {asking === 'approve' && (
        <Confirm
          header={words.approveHeader(file.name)}
          action={words.approve}
          isBusy={change.isBusy}
          onConfirm={() => void act(approve)}
          onCancel={() => setAsking(null)}
        >
          <Box variant="p">{words.approveMeans}</Box>
          {file.preview && <Preview of={file.preview} before={file.before} />}
        </Confirm>
      )}
      {asking === 'cancel' && (
        <Confirm
          header={words.cancelHeader(file.name)}
          action={words.cancel}
          isBusy={change.isBusy}
          onConfirm={() => void act(cancel)}
          onCancel={() => setAsking(null)}
        >
          <Box variant="p">{words.cancelMeans}</Box>
        </Confirm>
      )}
    </>
  );
}
