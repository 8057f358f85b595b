"""What a Marketo instance offers to choose from while a connection is configured; credentials are enough for it.

Source: Adobe, "Marketo Engage destination", destination details: the selectors of workspace, partition and
deduplication field.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from destination.control.errors import IncompleteError
from destination.domain.check import dedupe_choices
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.schema import Field
from destination.marketo.describe import Partition
from destination.marketo.errors import ACCESS_DENIED, INVALID_DATA, ConnectionBlockedError, RequestRejectedError
from destination.marketo.instance import Marketo
from destination.marketo.lists import ListPage
from destination.store.connections import Connections
from destination.store.errors import NotFoundError
from destination.store.secrets import Credentials


class WorkspaceSource(StrEnum):
    """How workspaces became known: Marketo told them all, or those in which the API user can keep lists."""

    USER_MANAGEMENT = "user_management"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Workspaces:
    source: WorkspaceSource
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadChoices:
    """Asks the connection's instance, as its API user sees it.

    Every method raises NotFoundError when the connection does not exist, IncompleteError when it has no credentials,
    and MarketoError or OutOfTimeError.
    """

    connections: Connections
    credentials: Credentials
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]

    def dedupe_fields(self, connection_id: str) -> list[Field]:
        """The fields that people can be found by."""
        return dedupe_choices(self._marketo(connection_id).describe.schema())

    def fields(self, connection_id: str) -> list[Field]:
        """All lead fields, by name."""
        fields = self._marketo(connection_id).describe.schema().fields
        return sorted(fields.values(), key=lambda field: field.name)

    def partitions(self, connection_id: str) -> tuple[Partition, ...]:
        return self._marketo(connection_id).describe.partitions()

    def workspaces(self, connection_id: str) -> Workspaces:
        """As the user management tells them; where the API user may not ask that, as folders and lists show them."""
        marketo = self._marketo(connection_id)
        try:
            return Workspaces(WorkspaceSource.USER_MANAGEMENT, tuple(marketo.users.workspaces()))
        except ConnectionBlockedError as error:
            if error.code != ACCESS_DENIED:
                raise
        return Workspaces(WorkspaceSource.DERIVED, tuple(_derived(marketo)))

    def lists(self, connection_id: str, name: str | None, cursor: str | None, limit: int) -> ListPage:
        """A page of the instance's static lists. Raises ConfigurationError for a name or cursor that cannot be."""
        if name is not None and "," in name:
            message = "must have no comma: Marketo cannot search such names; leave it out, and look through all lists"
            raise ConfigurationError([Problem("name", message)])
        try:
            return self._marketo(connection_id).lists.browse(name, cursor, limit)
        except RequestRejectedError as error:
            if cursor is None or error.code != INVALID_DATA:
                raise
            raise ConfigurationError(
                [Problem("cursor", "must be that of the page before; leave it out to start")]
            ) from error

    def _marketo(self, connection_id: str) -> Marketo:
        connection = self.connections.get(connection_id)
        try:
            return self.marketo_for(connection, self.credentials.get(connection))
        except NotFoundError:
            message = "give them first: the choices are read from Marketo"
            raise IncompleteError([Problem("credentials", message)]) from None


def _derived(marketo: Marketo) -> list[str]:
    """From the folders for lists; without a permission for assets, from the first lists that the API user sees."""
    try:
        return marketo.lists.workspaces()
    except ConnectionBlockedError as error:
        if error.code != ACCESS_DENIED:
            raise
    return sorted({one.workspace for one in marketo.lists.browse().lists if one.workspace is not None})
