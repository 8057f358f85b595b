import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Schemas } from '../../api/interface.ts';
import { NumberField } from '../../parts/number-field.tsx';
import { texts } from '../../texts.ts';
import type { Step } from './step.ts';

type Limit = keyof Schemas['LimitsIn'];

const words = texts.wizard.limits;
const LIMITS = Object.keys(words.names) as Limit[];

/** How much of the instance the connection may use. */
export function Limits({ draft: { configuration }, configure, findings }: Omit<Step, 'change'>) {
  const limits: Partial<Record<Limit, number | null>> = configuration.limits ?? {};
  const put = (name: Limit, limit: number | null) => {
    const next = { ...limits, [name]: limit }; // null is its default again: what is sent is a JSON merge patch
    configure({ limits: next as Schemas['LimitsIn'] });
  };
  return (
    <Container
      header={
        <Header variant="h2" description={words.description}>
          {words.header}
        </Header>
      }
    >
      <SpaceBetween size="m">
        {LIMITS.map((name) => (
          <FormField
            key={name}
            label={words.names[name]}
            constraintText={words.hints[name]}
            errorText={findings.at(`limits.${name}`)}
          >
            <NumberField value={limits[name] ?? null} onChange={(limit) => put(name, limit)} />
          </FormField>
        ))}
      </SpaceBetween>
    </Container>
  );
}
