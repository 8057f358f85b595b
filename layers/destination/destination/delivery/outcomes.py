"""What became of the rows of files, stored before it is counted, so that a file's result has everybody who is counted.

A delivery that breaks off in between is made again, and what it stores then counts (domain/file.py, `newest`). Nothing
is delivered of a file that was cancelled, wherever it waited, so that its result can say so.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from destination.delivery.open_message import OpenMessage
from destination.domain.file import IGNORED, File, OutcomesKey, RowOutcome, part_of
from destination.domain.outcome import Class
from destination.domain.person import Origin
from destination.domain.settle import Settled
from destination.store.errors import AWS_ERRORS

ID_LENGTH: Final = 12


class Outcomes(Protocol):
    """Where what became of rows is kept."""

    def put(self, connection_id: str, key: OutcomesKey, outcomes: Sequence[RowOutcome], /) -> None: ...


class Files(Protocol):
    """Where files are kept."""

    def get(self, connection_id: str, file_id: str, /) -> File | None: ...


@dataclass(frozen=True, slots=True)
class LeaveCancelled:
    """Leaves undelivered what is of a file that was cancelled; its letters are redriven all the same."""

    files: Files

    def __call__(self, open_messages: Iterable[OpenMessage]) -> None:
        """What is of such a file has nothing left to be done. Raises AWS's errors."""
        cancelled: dict[tuple[str, str], bool] = {}
        for one in open_messages:
            part = None if one.envelope.attempt else part_of(one.envelope.id)
            if part is None:
                continue
            owner = one.envelope.connection_id, part[0]
            if owner not in cancelled:
                file = self.files.get(*owner)
                cancelled[owner] = file is not None and file.cancelled_at is not None
            if cancelled[owner]:
                one.pending = set()


@dataclass(frozen=True, slots=True)
class WriteOutcomes:
    """Stores outcomes, those of a part together. `new_id` gives 32 hex digits."""

    outcomes: Outcomes
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def __call__(self, connection_id: str, settled: Iterable[Settled], ignored: Iterable[Origin]) -> set[Origin]:
        """Store what became of the rows among these; the origins of those of which it could not be stored."""
        parts: defaultdict[tuple[str, int], list[tuple[Origin, RowOutcome]]] = defaultdict(list)
        for one in settled:
            for unit in one.person.units:
                if (part := part_of(unit.origin.envelope_id)) is not None:
                    parts[part].append((unit.origin, _outcome(one, unit.origin)))
        for origin in ignored:
            if (part := part_of(origin.envelope_id)) is not None:
                parts[part].append((origin, RowOutcome(origin.number, IGNORED, attempt=origin.attempt)))
        unstored: set[Origin] = set()
        for (file_id, number), found in parts.items():
            counts = Counter(outcome.outcome for _, outcome in found)
            key = OutcomesKey(file_id, number, self.clock(), counts, self.new_id()[-ID_LENGTH:])
            try:
                self.outcomes.put(connection_id, key, [outcome for _, outcome in found])
            except AWS_ERRORS:
                unstored.update(origin for origin, _ in found)
        return unstored


def _outcome(settled: Settled, origin: Origin) -> RowOutcome:
    why = settled.person.aside.get(origin, settled.outcome.reason)
    outcome = (why.outcome if why is not None else Class.ACTIVATED).value
    created = settled.outcome.created and why is None
    return RowOutcome(
        origin.number, outcome, None if why is None else why.code, _lead_of(settled), created, origin.attempt
    )


def _lead_of(settled: Settled) -> int | None:
    """The lead that the person is, as far as this delivery or one before knew."""
    row, plan = settled.row, settled.plan
    if row is not None and row.lead_id is not None:
        return row.lead_id
    if plan is not None and plan.lead_id is not None:
        return plan.lead_id
    return None if row is None or row.attributes is None else row.attributes.lead_id
