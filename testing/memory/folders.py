"""A folder of the bucket in memory, as those of parked messages and of letters are (store/folders.py)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

from botocore.exceptions import ClientError

from destination.store.errors import NotFoundError


class Named(Protocol):
    """What the name of an object tells: all that there is to know of it but what it holds."""

    @property
    def connection_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @classmethod
    def named(cls, connection_id: str, name: str) -> Self: ...


NameT = TypeVar("NameT", bound=Named)


@dataclass
class MemoryFolder(Generic[NameT]):
    """What the objects of a folder hold, by what their names tell."""

    stored: dict[NameT, list[str]] = field(default_factory=dict, kw_only=True)

    def put(self, bundle: NameT, bodies: Iterable[str]) -> None:
        if self._is_refused(bundle):
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.stored[bundle.named(bundle.connection_id, bundle.name)] = list(bodies)

    def get(self, bundle: NameT) -> list[str]:
        if bundle not in self.stored:
            raise NotFoundError(f"there is no {bundle.name} of {bundle.connection_id}")
        return self.stored[bundle]

    def remove(self, bundle: NameT) -> None:
        self.stored.pop(bundle, None)

    def of(self, connection_id: str) -> Iterator[NameT]:
        yield from sorted((one for one in self.stored if one.connection_id == connection_id), key=lambda one: one.name)

    def all(self) -> Iterator[NameT]:
        yield from sorted(self.stored, key=lambda one: (one.connection_id, one.name))

    def erase(self, connection_id: str) -> bool:
        for bundle in list(self.of(connection_id)):
            del self.stored[bundle]
        return True

    def _is_refused(self, _bundle: NameT) -> bool:
        """Whether it cannot be stored now; none is, unless a folder says otherwise."""
        return False
