"""What was seen of a connection, beside what is configured of it: what is mapped, and what is activated."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.path import Path
from destination.domain.seen import Seen


@dataclass(frozen=True)
class SeenOf:
    """What was seen of a connection from the beginning of a day on until a time, beside how it is configured."""

    target: ActiveConnection
    seen: Seen
    since: date
    until: datetime

    @cached_property
    def _mapped(self) -> list[Path]:
        return [Path.of(row.source) for row in self.target.connection.mapping]

    @cached_property
    def _shapes(self) -> frozenset[tuple[str, ...]]:
        return frozenset(one.shape for one in self._mapped if one.namespace is None)

    def is_mapped(self, path: str) -> bool:
        """Whether a mapping row takes the attribute, or something of the array that it is in."""
        return Path.of(path).shape in self._shapes

    def is_mapped_identity(self, namespace: str) -> bool:
        return any(one.namespace == namespace for one in self._mapped)

    def activation_of(self, audience: AudienceKey) -> Activation | None:
        """The activation by which the audience is delivered, that of its namespace or of any; None: it is not."""
        activations = self.target.activations
        return activations.get(audience) or activations.get(audience.in_any_namespace)
