import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { Commas } from '../../parts/commas.tsx';
import { OneOf } from '../../parts/one-of.tsx';
import { RecipientsField } from '../../parts/recipients-field.tsx';
import { Subscriptions, subscriptionsOf } from '../../parts/subscriptions.tsx';
import { texts } from '../../texts.ts';
import { FoundHere } from './found-here.tsx';
import { Limits } from './limits.tsx';
import type { Step } from './step.ts';

const words = texts.wizard.rules;
const PROPERTIES = ['consent', 'scope', 'on_invalid', 'marketing_actions', 'limits', 'alerts'];

/** Whose profiles may be exported and for what, how much of Marketo it takes, and who is told of trouble. */
export function RulesStep({ draft, change, configure, findings }: Step) {
  const { configuration } = draft;
  const { consent = null } = configuration;
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{words.consent}</Header>}>
        <SpaceBetween size="m">
          <Checkbox
            checked={consent !== null}
            onChange={({ detail }) => configure({ consent: detail.checked ? { source: '', allowed: [] } : null })}
          >
            {words.consentOn}
          </Checkbox>
          {consent && (
            <>
              <FormField label={words.consentSource} errorText={findings.at('consent.source')}>
                <Input
                  value={consent.source}
                  onChange={({ detail }) => configure({ consent: { ...consent, source: detail.value } })}
                />
              </FormField>
              <FormField label={words.allowed} constraintText={texts.commas} errorText={findings.at('consent.allowed')}>
                <Commas
                  value={consent.allowed}
                  onChange={(allowed) => configure({ consent: { ...consent, allowed } })}
                />
              </FormField>
            </>
          )}
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{words.governance}</Header>}>
        <FormField
          label={words.actions}
          description={words.actionsHint}
          constraintText={texts.commas}
          errorText={findings.at('marketing_actions')}
        >
          <Commas
            value={configuration.marketing_actions ?? []}
            onChange={(marketing_actions) => configure({ marketing_actions })}
          />
        </FormField>
      </Container>
      <Container header={<Header variant="h2">{words.behaviour}</Header>}>
        <SpaceBetween size="m">
          <FormField label={words.scope} errorText={findings.at('scope')}>
            <OneOf
              value={configuration.scope ?? 'activated_audiences'}
              names={words.scopes}
              onChange={(scope) => configure({ scope })}
            />
          </FormField>
          <FormField label={words.onInvalid} errorText={findings.at('on_invalid')}>
            <OneOf
              value={configuration.on_invalid ?? 'drop'}
              names={words.onInvalids}
              onChange={(on_invalid) => configure({ on_invalid })}
            />
          </FormField>
        </SpaceBetween>
      </Container>
      <Limits draft={draft} configure={configure} findings={findings} />
      <Container
        header={
          <Header variant="h2" description={texts.alerts.thresholdHint}>
            {texts.alerts.header}
          </Header>
        }
      >
        <Subscriptions value={subscriptionsOf(configuration.alerts)} onChange={(alerts) => configure({ alerts })} />
      </Container>
      {draft.recipients !== null && (
        <Container
          header={
            <Header variant="h2" description={texts.alerts.recipientsHint}>
              {texts.alerts.recipients}
            </Header>
          }
        >
          <RecipientsField value={draft.recipients} onChange={(recipients) => change({ recipients })} />
        </Container>
      )}
      <FoundHere of={findings} properties={PROPERTIES} />
    </SpaceBetween>
  );
}
