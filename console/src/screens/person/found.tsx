import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { ReactNode } from 'react';
import type { Schemas } from '../../api/interface.ts';
import { HeldUp } from '../../parts/held-up.tsx';
import { Moment, moment } from '../../parts/moments.tsx';
import { Rows } from '../../parts/rows.tsx';
import { texts } from '../../texts.ts';
import { Refusals, Waiting } from './waiting.tsx';

type Person = Schemas['LookedUpPersonOut'];
type Audience = Schemas['PersonAudienceOut'];

const words = texts.person;

const AGREE: Partial<Record<Schemas['Agreement'], StatusIndicatorProps.Type>> = {
  as_desired: 'success',
  nothing_said: 'info',
  in_doubt: 'pending',
};

/** A person as a picture: desired, applied and Marketo beside one another, and what its next event would do. */
export function Found({ of, action }: { readonly id: string; readonly of: Person; readonly action: ReactNode }) {
  return (
    <SpaceBetween size="l">
      {of.trouble && <Alert type="warning">{of.trouble}</Alert>}
      <HeldUp hold={of.waiting.hold} />
      <Container header={<Header actions={action}>{of.name}</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: words.name, value: of.name },
            { label: words.known, value: of.is_known ? words.yes : words.no },
            { label: words.consent, value: consent(of) },
            { label: words.attributes, value: <Moment at={of.attributes?.sent_at} /> },
          ]}
        />
      </Container>
      <Next of={of.next} />
      <Audiences of={of.audiences} />
      <Leads of={of} />
      <Refusals of={of.refusals} />
      <Waiting of={of.waiting} />
    </SpaceBetween>
  );
}

function consent({ consent: given }: Person): string {
  if (given === null) {
    return texts.none;
  }
  return given.is_given ? words.consentGiven(moment(given.at)) : words.consentNot(moment(given.at));
}

function Next({ of }: { readonly of: Person['next'] }) {
  if (of === null) {
    return null;
  }
  return (
    <Container header={<Header>{words.next}</Header>}>
      <SpaceBetween size="xs">
        <Box variant="p">{of.sentence}</Box>
        {of.reason && (
          <span>
            <Box variant="code">{of.reason.code}</Box> {of.reason.message}
          </span>
        )}
        {of.needs.length > 0 && <span>{words.needs(of.needs)}</span>}
        {of.plan && (
          <div>
            <Box variant="awsui-key-label">{words.plan}</Box>
            <ul>
              {planned(of.plan).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          </div>
        )}
      </SpaceBetween>
    </Container>
  );
}

function planned(plan: Schemas['PlanOut']): string[] {
  const fields = plan.fields.length > 0 ? ` ${words.fields(plan.fields)}` : '';
  return [
    words.writes[plan.write] + fields,
    ...plan.joins.map(({ list_id: list }) => words.joins(list ?? words.newList)),
    ...plan.leaves.map(({ list_id: list }) => words.leaves(list ?? words.newList)),
  ];
}

function Audiences({ of }: { readonly of: readonly Audience[] }) {
  return (
    <Rows
      items={of}
      trackBy={(one) => one.activation_id}
      header={<Header>{words.audiences}</Header>}
      empty={words.noAudiences}
      columns={[
        { id: 'audience', header: words.audience, isRowHeader: true, sortingField: 'name', cell: (one) => one.name },
        {
          id: 'desired',
          header: words.desired,
          cell: ({ desired }) => (desired ? words.said(desired.status, moment(desired.at)) : texts.none),
        },
        { id: 'applied', header: words.applied, cell: ({ applied }) => <Applied of={applied} /> },
        { id: 'found', header: words.found, cell: (one) => onList(one.is_on_list) },
        {
          id: 'agreement',
          header: words.agreement,
          cell: ({ agreement }) => (
            <StatusIndicator type={AGREE[agreement.code] ?? 'warning'}>{agreement.message}</StatusIndicator>
          ),
        },
      ]}
    />
  );
}

function Applied({ of }: { readonly of: Audience['applied'] }) {
  if (of === null) {
    return texts.none;
  }
  return (
    <>
      {words.told(of.list_id, of.lead_ids)}
      {of.is_in_doubt && <Box variant="small">{words.inDoubt}</Box>}
    </>
  );
}

function onList(isOn: boolean | null): string {
  if (isOn === null) {
    return words.notAsked;
  }
  return isOn ? words.onList : words.offList;
}

function Leads({ of }: { readonly of: Person }) {
  if (of.leads === null) {
    return null;
  }
  const hasValues = of.leads.some(({ values }) => values !== null);
  return (
    <Rows
      items={of.leads}
      trackBy={(one) => String(one.id)}
      header={<Header counter={words.leadCount(of.lead_count)}>{words.leads}</Header>}
      empty={words.noLeads}
      columns={[
        { id: 'id', header: words.lead, isRowHeader: true, sortingField: 'id', cell: (one) => one.id },
        { id: 'partition', header: words.partition, cell: (one) => one.partition ?? texts.none },
        {
          id: 'updated',
          header: words.updated,
          sortingField: 'updated_at',
          cell: (one) => <Moment at={one.updated_at} />,
        },
        {
          id: 'why',
          header: words.why,
          cell: (one) => (
            <StatusIndicator type={one.is_person ? 'success' : 'info'}>
              {one.is_person ? words.yes : words.no}: {one.why}
            </StatusIndicator>
          ),
        },
        ...(hasValues ? [{ id: 'values', header: words.values, cell: valuesOf }] : []),
      ]}
    />
  );
}

function valuesOf({ values }: Schemas['LeadOut']) {
  return Object.entries(values ?? {}).map(([field, value]) => (
    <div key={field}>
      <strong>{field}</strong>: {value === null ? texts.none : String(value)}
    </div>
  ));
}
