import type { AutosuggestProps } from '@cloudscape-design/components/autosuggest';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import Textarea from '@cloudscape-design/components/textarea';
import { useCallback, useMemo, useState } from 'react';
import { answered, ofConnection, type Schemas } from '../../api/interface.ts';
import { useLoaded } from '../../api/loaded.ts';
import { useConsole } from '../../parts/console-context.ts';
import { texts } from '../../texts.ts';
import { Choice } from './choice.tsx';
import type { Row } from './draft.ts';
import { FoundHere } from './found-here.tsx';
import { pathsOf } from './paths.ts';
import { RowOptions } from './row-options.tsx';
import type { Step } from './step.ts';

const words = texts.wizard.mapping;
const PAGE_SIZE = 20;
const DEDUPE = 'DedupeField';

/** Which value of a profile fills which lead field. */
export function MappingStep({
  step,
  sample,
  onSample,
}: {
  readonly step: Step;
  readonly sample: string;
  readonly onSample: (sample: string) => void;
}) {
  const id = step.draft.based?.connection.id ?? '';
  const inSample = useMemo(() => pathsIn(sample), [sample]);
  return (
    <SpaceBetween size="l">
      <Rows step={step} sources={useSources(id, inSample ?? [])} targets={useTargets(id)} />
      <FoundHere of={step.findings} properties={['mapping']} />
      <Container header={<Header variant="h2">{words.sample}</Header>}>
        <FormField
          label={words.sample}
          description={words.sampleHint}
          errorText={sample !== '' && inSample === null && words.noJson}
        >
          <Textarea value={sample} onChange={({ detail }) => onSample(detail.value)} rows={6} spellcheck={false} />
        </FormField>
      </Container>
    </SpaceBetween>
  );
}

function pathsIn(sample: string): string[] | null {
  try {
    return pathsOf(sample);
  } catch {
    return null; // half a document, while it is typed
  }
}

function Rows({
  step: { draft, configure, findings },
  sources,
  targets,
}: {
  readonly step: Step;
  readonly sources: AutosuggestProps.Options;
  readonly targets: AutosuggestProps.Options;
}) {
  const rows = draft.configuration.mapping ?? [];
  const [page, setPage] = useState(1);
  const [opened, setOpened] = useState<number | null>(null);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_SIZE));
  const shown = rows
    .map((row, index) => ({ row, index }))
    .slice((Math.min(page, pages) - 1) * PAGE_SIZE, Math.min(page, pages) * PAGE_SIZE);
  const put = (mapping: readonly Row[]) => configure({ mapping: [...mapping] });
  const alter = (at: number, part: Partial<Row>) =>
    put(rows.map((row, index) => (index === at ? { ...row, ...part } : row)));
  const add = () => {
    put([...rows, { source: '', target: '', when_missing: 'ignore', when_empty: 'ignore' }]);
    setPage(Math.ceil((rows.length + 1) / PAGE_SIZE));
  };
  const openedRow = opened === null ? undefined : rows[opened];
  return (
    <>
      <Table
        wrapLines
        items={shown}
        trackBy={({ index }) => String(index)}
        header={
          <Header variant="h2" counter={`(${rows.length})`} actions={<Button onClick={add}>{words.add}</Button>}>
            {words.rows}
          </Header>
        }
        empty={<Box textAlign="center">{words.none}</Box>}
        {...(pages > 1 && {
          pagination: (
            <Pagination
              currentPageIndex={Math.min(page, pages)}
              pagesCount={pages}
              onChange={({ detail }) => setPage(detail.currentPageIndex)}
            />
          ),
        })}
        columnDefinitions={[
          {
            id: 'source',
            header: words.source,
            minWidth: 200,
            cell: ({ row, index }) => (
              <FormField errorText={findings.at(`mapping[${index}].source`)}>
                <Choice
                  value={row.source}
                  options={sources}
                  label={words.sourceOf(index + 1)}
                  onChange={(source) => alter(index, { source })}
                />
              </FormField>
            ),
          },
          {
            id: 'target',
            header: words.target,
            minWidth: 200,
            cell: ({ row, index }) => (
              <FormField errorText={findings.at(`mapping[${index}].target`)}>
                <Choice
                  value={row.target}
                  options={targets}
                  label={words.targetOf(index + 1)}
                  onChange={(target) => alter(index, { target })}
                />
              </FormField>
            ),
          },
          {
            id: 'more',
            header: words.options,
            minWidth: 130,
            cell: ({ index }) => (
              <SpaceBetween size="xs" direction="horizontal">
                <Button variant="inline-link" ariaLabel={words.optionsOf(index + 1)} onClick={() => setOpened(index)}>
                  {words.options}
                </Button>
                <Button
                  variant="inline-link"
                  ariaLabel={words.removeOf(index + 1)}
                  onClick={() => put(rows.filter((_, other) => other !== index))}
                >
                  {texts.remove}
                </Button>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {opened !== null && openedRow && (
        <RowOptions
          row={openedRow}
          header={words.optionsOf(opened + 1)}
          onChange={(part) => alter(opened, part)}
          onClose={() => setOpened(null)}
        />
      )}
    </>
  );
}

/** What came lately, and what the sample has. */
function useSources(id: string, inSample: readonly string[]): AutosuggestProps.Options {
  const { api } = useConsole();
  const seen = useLoaded(
    useCallback(
      (signal) => answered(api.GET('/connections/{connection_id}/seen', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  return useMemo(() => sourceOptions(seen.value, inSample), [seen.value, inSample]);
}

function sourceOptions(seen: Schemas['SeenOut'] | null, inSample: readonly string[]): AutosuggestProps.Options {
  const identities = (seen?.identities ?? []).map((one) => ({ value: one.path, description: words.seenIdentity }));
  const attributes = (seen?.attributes ?? []).map((one) => ({
    value: one.path,
    description: words.seen(one.events),
    labelTag: Object.keys(one.types).join(', '),
  }));
  const known = new Set([...identities, ...attributes].map(({ value }) => value));
  const sampled = inSample.filter((path) => !known.has(path)).map((value) => ({ value, description: words.inSample }));
  return [...identities, ...attributes, ...sampled];
}

/** The lead fields, as Marketo has them. */
function useTargets(id: string): AutosuggestProps.Options {
  const { api } = useConsole();
  const fields = useLoaded(
    useCallback(
      (signal) =>
        answered(api.GET('/connections/{connection_id}/marketo/fields', { params: ofConnection(id), signal })),
      [api, id],
    ),
  );
  return useMemo(
    () => [
      { value: DEDUPE, description: words.dedupe },
      ...(fields.value?.fields ?? []).map((one) => ({
        value: one.name,
        description: `${one.display_name}: ${words.field(one.type, one.length)}`,
        filteringTags: [one.display_name],
        ...(!one.writable && { labelTag: words.readOnly }),
      })),
    ],
    [fields.value],
  );
}
