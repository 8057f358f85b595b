import { useCollection } from '@cloudscape-design/collection-hooks';
import Box from '@cloudscape-design/components/box';
import Pagination from '@cloudscape-design/components/pagination';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import type { ReactElement, ReactNode } from 'react';

const PAGE_SIZE = 50;

/** A table of what an answer lists: a page at a time, sorted by any column that has a field. */
export function Rows<T>({
  items,
  columns,
  empty,
  header,
  trackBy,
  footer,
  variant = 'container',
  label,
}: {
  readonly items: readonly T[];
  readonly columns: readonly TableProps.ColumnDefinition<T>[];
  readonly empty: ReactNode;
  readonly header?: ReactElement;
  readonly trackBy: (item: T) => string;
  readonly footer?: ReactNode;
  readonly variant?: 'container' | 'embedded';
  /** What the table is called, where its header does not say it. */
  readonly label?: string;
}) {
  const {
    items: shown,
    collectionProps,
    paginationProps,
  } = useCollection(items, {
    sorting: {},
    pagination: { pageSize: PAGE_SIZE },
  });
  return (
    <Table
      {...collectionProps}
      variant={variant}
      wrapLines
      items={shown}
      columnDefinitions={columns}
      trackBy={trackBy}
      empty={<Box textAlign="center">{empty}</Box>}
      header={header}
      footer={footer}
      {...(label && { ariaLabels: { tableLabel: label } })}
      {...(items.length > PAGE_SIZE && { pagination: <Pagination {...paginationProps} /> })}
    />
  );
}
