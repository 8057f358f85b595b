import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import FileInput from '@cloudscape-design/components/file-input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { texts } from '../../texts.ts';
import type { Draft } from './draft.ts';
import { type Opened, opened, UnreadableFileError, written } from './file.ts';

const words = texts.wizard.file;

/** The draft as the command's file, and such a file as the draft. */
export function AsFile({ draft, onOpen }: { readonly draft: Draft; readonly onOpen: (file: Opened) => void }) {
  const [text, setText] = useState<string | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [files, setFiles] = useState<File[]>([]);
  const show = async () => setText(await written(draft));
  const open = async (chosen: File[]) => {
    setFiles(chosen);
    setTrouble(null);
    const [file] = chosen;
    if (file === undefined) {
      return;
    }
    try {
      onOpen(await opened(await file.text()));
    } catch (error) {
      if (!(error instanceof UnreadableFileError)) {
        throw error;
      }
      setTrouble(words.unreadable(error.message));
    }
  };
  return (
    <>
      <SpaceBetween size="xs" direction="horizontal" alignItems="center">
        <Button onClick={() => void show()}>{words.show}</Button>
        <FileInput
          value={files}
          accept=".yaml,.yml,.json"
          onChange={({ detail }) => void open(detail.value)}
          ariaRequired={false}
        >
          {words.open}
        </FileInput>
        {trouble !== null && <StatusIndicator type="error">{trouble}</StatusIndicator>}
      </SpaceBetween>
      {text !== null && (
        <Modal
          visible
          size="large"
          header={words.header}
          onDismiss={() => setText(null)}
          footer={
            <CopyToClipboard
              copyButtonText={texts.copy}
              textToCopy={text}
              copySuccessText={texts.copied}
              copyErrorText={texts.notCopied}
            />
          }
        >
          <Box variant="p">{words.hint}</Box>
          <pre className="wraps file">{text}</pre>
        </Modal>
      )}
    </>
  );
}
