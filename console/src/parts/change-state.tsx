import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import type { Change, Conflict } from '../api/change.ts';
import { texts } from '../texts.ts';
import { TroubleAlert } from './trouble.tsx';

/** The trouble of a write, or what somebody else changed meanwhile. */
export function ChangeState({ of }: { readonly of: Change }) {
  return (
    <>
      {of.trouble && <TroubleAlert trouble={of.trouble} />}
      {of.conflict && <ChangedMeanwhile conflict={of.conflict} />}
    </>
  );
}

function ChangedMeanwhile({ conflict }: { readonly conflict: Conflict }) {
  const words = texts.changedMeanwhile;
  return (
    <Modal
      visible
      size="large"
      header={words.header}
      onDismiss={conflict.leave}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={conflict.leave}>{words.leave}</Button>
            <Button variant="primary" onClick={conflict.insist}>
              {words.insist}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Box variant="p">{words.description}</Box>
        <Table
          variant="embedded"
          wrapLines
          items={conflict.differences}
          trackBy="path"
          columnDefinitions={[
            { id: 'path', header: words.property, cell: (one) => one.path, isRowHeader: true },
            { id: 'before', header: words.before, cell: (one) => one.before },
            { id: 'now', header: words.now, cell: (one) => one.now },
          ]}
          empty={words.nothing}
        />
      </SpaceBetween>
    </Modal>
  );
}
