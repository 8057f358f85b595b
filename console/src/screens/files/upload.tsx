import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FileUpload from '@cloudscape-design/components/file-upload';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { AudienceChoice } from '../../parts/audience-choice.tsx';
import { OneOf } from '../../parts/one-of.tsx';
import { TroubleAlert } from '../../parts/trouble.tsx';
import { texts } from '../../texts.ts';
import { type Choices, ENCODINGS, MAX_FILE_BYTES } from './rules.ts';
import { useUpload } from './use-upload.ts';

const words = texts.files;
const NOTHING_CHOSEN: Choices = { mode: 'add', activation: '', separator: '', encoding: '', status: '' };
const ENCODING_NAMES = Object.fromEntries([['', words.likelyEncoding], ...ENCODINGS.map((one) => [one, one])]);

/** Asks which file, and what its rows say; uploads it, and then shows how far it is. */
export function Upload({
  id,
  onCancel,
  onLeft,
}: {
  readonly id: string;
  readonly onCancel: () => void;
  /** The upload ended before the file was whole. */
  readonly onLeft: () => void;
}) {
  const [files, setFiles] = useState<readonly File[]>([]);
  const [chosen, setChosen] = useState(NOTHING_CHOSEN);
  const upload = useUpload(id, onLeft);
  const [file] = files;
  const wrong = file && wrongWith(file);
  const isReady = file !== undefined && wrong === undefined && (chosen.activation !== '' || chosen.mode !== 'mirror');
  const leave = () => {
    upload.stop();
    onCancel();
  };
  return (
    <Modal
      visible
      header={words.upload}
      onDismiss={leave}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={leave}>{upload.sent === null ? texts.cancel : words.stop}</Button>
            <Button
              variant="primary"
              disabled={!isReady}
              loading={upload.sent !== null}
              onClick={() => file && void upload.start(file, chosen)}
            >
              {words.send}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {upload.trouble && <TroubleAlert trouble={upload.trouble} />}
        {upload.refusedWith !== null && <Alert type="error">{words.notPut(upload.refusedWith)}</Alert>}
        {file && upload.sent !== null ? (
          <ProgressBar label={words.uploading(file.name)} value={Math.floor((100 * upload.sent) / file.size)} />
        ) : (
          <>
            <FormField label={words.name}>
              <FileUpload
                value={files}
                onChange={({ detail }) => setFiles(detail.value)}
                showFileSize
                accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,.gz"
                constraintText={words.form}
                errorText={wrong}
                i18nStrings={{
                  uploadButtonText: () => words.choose,
                  dropzoneText: () => words.drop,
                  removeFileAriaLabel: (_, name) => words.removeOf(name),
                  errorIconAriaLabel: words.damaged,
                }}
              />
            </FormField>
            <Said id={id} of={chosen} onChange={setChosen} />
          </>
        )}
      </SpaceBetween>
    </Modal>
  );
}

/** What the rows of the file say, and how it is written. */
function Said({
  id,
  of,
  onChange,
}: {
  readonly id: string;
  readonly of: Choices;
  readonly onChange: (of: Choices) => void;
}) {
  return (
    <SpaceBetween size="m">
      <FormField label={words.mode} {...(of.mode === 'mirror' && { constraintText: words.mirrorMeans })}>
        <OneOf value={of.mode} names={words.modes} onChange={(mode) => onChange({ ...of, mode })} />
      </FormField>
      <AudienceChoice
        id={id}
        label={words.audience}
        other={of.mode === 'mirror' ? null : words.byRows}
        value={of.activation}
        onChoose={(activation) => onChange({ ...of, activation })}
      />
      <ExpandableSection headerText={words.special}>
        <SpaceBetween size="m">
          <FormField label={words.separator}>
            <OneOf
              value={of.separator}
              names={words.separators}
              onChange={(separator) => onChange({ ...of, separator })}
            />
          </FormField>
          <FormField label={words.encoding}>
            <OneOf value={of.encoding} names={ENCODING_NAMES} onChange={(encoding) => onChange({ ...of, encoding })} />
          </FormField>
          {of.mode === 'incremental' && (
            <FormField label={words.statusColumn} constraintText={words.statusColumnHint}>
              <Input
                value={of.status}
                onChange={({ detail }) => onChange({ ...of, status: detail.value })}
                autoComplete={false}
              />
            </FormField>
          )}
        </SpaceBetween>
      </ExpandableSection>
    </SpaceBetween>
  );
}

/** Why a file is not worth asking the interface about. */
function wrongWith({ size }: File): string | undefined {
  if (size > MAX_FILE_BYTES) {
    return words.tooLarge;
  }
  return size === 0 ? words.nothing : undefined;
}
