"""Results: who of a run did not arrive, stored before they are counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from destination.domain.not_arrived import ID_LENGTH, NotArrived, ResultsKey
from destination.store.errors import AWS_ERRORS


class Results(Protocol):
    """Where results are kept."""

    def put(self, key: ResultsKey, persons: Sequence[NotArrived], /) -> None: ...


@dataclass(frozen=True, slots=True)
class WriteResults:
    """Stores results, those of a run together. `new_id` gives 32 hex digits."""

    results: Results
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def __call__(self, connection_id: str, run_id: str, persons: Sequence[NotArrived]) -> str | None:
        """Store persons of a run, at least one; answers the id of their results, None where they cannot be stored."""
        results_id = self.new_id()[-ID_LENGTH:]
        try:
            self.results.put(ResultsKey(connection_id, run_id, self.clock(), len(persons), results_id), persons)
        except AWS_ERRORS:
            return None
        return results_id
