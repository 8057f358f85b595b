import type { Schemas } from '../../api/interface.ts';
import { texts } from '../../texts.ts';

type Connection = Schemas['ConnectionOut'];

/** What a connection does, in a few sentences: the rules are those of docs/configuration.md. */
export function sentence(connection: Connection): string {
  const words = texts.connection.does;
  const creates = connection.person_action === 'update_existing_and_create_new';
  return [
    words.syncType[connection.sync_type],
    creates ? words.creates(connection.partition ?? words.defaultPartition) : words.createsNobody,
    words.found(connection.dedupe_field),
    words.source(connection.source.format),
  ].join(' ');
}
