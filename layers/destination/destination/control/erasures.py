"""Erasures: a person is to be forgotten. The mark is written here; the rest is done by whoever delivers.

    mark and audit record, in one transaction ─▶ a message in the queue ─▶ delivery/erase_people.py

The value is in the message alone, until the erasure is done.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from destination.control.audit import Recorder
from destination.control.errors import NotQueuedError
from destination.control.people import AskedFor, Connections, Credentials, key_of_identity
from destination.control.previews import credentials_of
from destination.delivery.conversation import schema_for
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.erasure import Erasure
from destination.domain.mapping import Mapper
from destination.domain.remedy import NO_CREDENTIALS
from destination.domain.schema import Field, Schema
from destination.marketo.instance import Marketo
from destination.queue import EventQueue, erasure_message
from destination.store.erasures import Erasures
from destination.store.errors import NotFoundError

_EMAIL: Final = Field("email", "email")


@dataclass(frozen=True, slots=True)
class ManageErasures:
    """Requests erasures, and shows them. `marketo_for` gives the instance as the connection's API user sees it."""

    connections: Connections
    credentials: Credentials
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    stored: Erasures
    queue: EventQueue
    record: Recorder
    name_of: Callable[[str], str]
    clock: Callable[[], datetime]

    def request(self, connection_id: str, asked: AskedFor) -> Erasure:
        """Have a person forgotten that an identity of the mapping stands for, whatever is known of it.

        From now on nothing that was received before is delivered. It can be repeated; each time moves the mark forward.

        Raises NotFoundError, ConfigurationError and, unless people are known by e-mail addresses, what keeps Marketo
        from telling how values are compared (IncompleteError, MarketoError, OutOfTimeError); NotQueuedError.
        """
        target = self.connections.active(connection_id)
        schema = self._schema(target)
        key = key_of_identity(asked, target.connection, Mapper.of(target, schema, self.clock()), schema)
        made = Erasure(connection_id, self.name_of(key), self.clock())
        person = AuditChange("person", made.name, None)
        self.stored.create(made, self.record(AuditAction.ERASE_PERSON, connection_id, [person]))
        if self.queue.send(connection_id, [erasure_message(connection_id, made.id, key, made.at)]):
            raise NotQueuedError(
                "what was received of the person before is delivered no more, but the erasure cannot be queued now"
            )
        return made

    def get(self, connection_id: str, erasure_id: str) -> Erasure:
        """How far it came. One that cannot begin, as Marketo cannot be asked, has the code of that.

        Raises NotFoundError.
        """
        target = self.connections.active(connection_id)
        found = self.stored.get(connection_id, erasure_id)
        if found is None:
            raise NotFoundError(f"there is no erasure {erasure_id}")
        return found if found.is_done else self._held_up(target, found)

    def _held_up(self, target: ActiveConnection, erasure: Erasure) -> Erasure:
        try:
            self.credentials.get(target.connection)
        except NotFoundError:
            return replace(erasure, code=NO_CREDENTIALS)
        return erasure

    def _schema(self, target: ActiveConnection) -> Schema:
        """As much as tells how people's identities are compared: addresses are the same everywhere."""
        if target.connection.dedupe_field == _EMAIL.name:
            return Schema({_EMAIL.name: _EMAIL})
        marketo = self.marketo_for(target.connection, credentials_of(target, self.credentials))
        return schema_for(target.connection, marketo.describe)
