"""Who did not arrive, in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from destination.domain.not_arrived import NotArrived, ResultsKey
from destination.store.errors import NotFoundError


@dataclass
class MemoryResults:
    """`refuses` says whether nothing can be stored now."""

    stored: dict[ResultsKey, list[NotArrived]] = field(default_factory=dict)
    refuses: bool = False

    def put(self, key: ResultsKey, persons: Sequence[NotArrived]) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.stored[ResultsKey.named(key.connection_id, key.run_id, key.name)] = list(persons)

    def get(self, key: ResultsKey) -> list[NotArrived]:
        if key not in self.stored:
            raise NotFoundError(f"there are no results {key.name}")
        return self.stored[key]

    def of(self, connection_id: str, run_id: str, after: str = "") -> Iterator[ResultsKey]:
        own = (one for one in self.stored if (one.connection_id, one.run_id) == (connection_id, run_id))
        yield from sorted((one for one in own if one.name > after), key=lambda one: one.name)

    def erase(self, connection_id: str) -> bool:
        for key in [one for one in self.stored if one.connection_id == connection_id]:
            del self.stored[key]
        return True
