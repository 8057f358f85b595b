"""The use case of whoever says what data is: the labels of mapped sources and of audiences, and nothing else of them.

Other calls give labels and add to them. Taking one off may end what a policy denies, so it takes this call, and with it
a permission of its own (docs/permissions.md).

Source: Adobe Experience Platform, "Access control": "Apply Data Usage Labels".
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from destination.control.audit import Recorder, differences
from destination.control.governance import ManagePolicies
from destination.domain.audience import Activation
from destination.domain.audit import AuditAction
from destination.domain.connection import Connection
from destination.domain.governance import Labelled, Labels
from destination.domain.problem import ConfigurationError, Problem, refuse
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.errors import StaleVersionError

_NOT_MAPPED: Final = "is not mapped; GET …/labels shows those that are: leave it out, or map it first"
_NOT_ACTIVATED: Final = "is not activated; GET …/labels shows those that are: leave it out, or activate it first"


@dataclass(frozen=True, slots=True)
class ManageLabels:
    """Shows and changes labels. Every method raises NotFoundError."""

    connections: Connections
    audiences: Audiences
    governance: ManagePolicies
    record: Recorder

    def show(self, connection_id: str) -> Labelled:
        """Those of all mapped sources, and of the audiences that are activated or were within DORMANT_FOR."""
        connection = self.connections.get(connection_id)
        sources: dict[str, Sequence[str]] = {}
        for row in connection.mapping:
            sources[row.source] = tuple(dict.fromkeys((*sources.get(row.source, ()), *row.labels)))
        known = self.audiences.known(connection_id)
        return Labelled(sources, {one.id: one.labels for one in known}, connection.version)

    def change(self, connection_id: str, sources: Labels, audiences: Labels, expected: int | None = None) -> Labelled:
        """Label what is named, in place of the labels that it has; all else stays.

        `expected`: the version of the connection. Raises ConfigurationError, PolicyViolationError, DeletingError,
        StaleVersionError.
        """
        connection = self.connections.changeable(connection_id)
        if expected not in {None, connection.version}:
            raise StaleVersionError(f"connection {connection_id} is at version {connection.version}, not {expected}")
        known = {one.id: one for one in self.audiences.known(connection_id)}
        mapped = {row.source for row in connection.mapping}
        refuse(
            [
                *(Problem(f"sources.{one}", _NOT_MAPPED) for one in sources if one not in mapped),
                *(Problem(f"audiences.{one}", _NOT_ACTIVATED) for one in audiences if one not in known),
            ]
        )
        self._label_sources(connection, sources)
        for activation_id, labels in audiences.items():
            self._label_audience(connection, known[activation_id], tuple(labels))
        return self.show(connection_id)

    def _label_sources(self, before: Connection, sources: Labels) -> None:
        rows = (replace(row, labels=tuple(sources.get(row.source, row.labels))) for row in before.mapping)
        after = replace(before, mapping=tuple(rows))
        places = {f"mapping[{index}].labels": f"sources.{row.source}" for index, row in enumerate(after.mapping)}
        with _refused_at(places):
            self.governance.admit(after, before)
        if after != before:
            changes = differences(before, after)
            self.connections.update(after, self.record(AuditAction.SET_LABELS, before.id, changes))

    def _label_audience(self, connection: Connection, before: Activation, labels: tuple[str, ...]) -> None:
        after = replace(before, labels=labels)
        with _refused_at({"labels": f"audiences.{before.id}"}):
            self.governance.admit_audience(connection, after)
        if after != before:
            changes = differences(before, after)
            record = self.record(AuditAction.SET_LABELS, connection.id, changes, before.audience)
            self.audiences.relabel(connection.id, before, labels, record)


@contextmanager
def _refused_at(places: Mapping[str, str]) -> Iterator[None]:
    """Labels that make no sense, where the call has them; `places`: by where the configuration has them."""
    try:
        yield
    except ConfigurationError as error:
        found = [Problem(places.get(one.path, one.path), one.message) for one in error.problems]
        raise ConfigurationError(found) from error
