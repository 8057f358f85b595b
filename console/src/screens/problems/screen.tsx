import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useParams } from 'react-router';
import { texts } from '../../texts.ts';
import { Letters } from './letters.tsx';
import { Parked } from './parked.tsx';
import { Verifications } from './verifications.tsx';

const words = texts.problems;

/** What failed, what waits, and where lists are not as their audiences, of one connection. */
export function Screen() {
  const { connectionId = '' } = useParams();
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={words.description}>
          {words.header}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Letters id={connectionId} />
        <Parked id={connectionId} />
        <Verifications id={connectionId} />
      </SpaceBetween>
    </ContentLayout>
  );
}
