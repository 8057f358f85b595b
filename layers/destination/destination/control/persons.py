"""Who of a run did not arrive, and why: a page at a time, out of the results that its turns wrote.

A page is put together of whole results, the oldest first, so that it need not know those that follow: whether somebody
is counted as they say is known of the ledger, person by person.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.control.runs import is_hour
from destination.domain.audience import activation_id
from destination.domain.connection import ActiveConnection
from destination.domain.failure import Failure
from destination.domain.not_arrived import Counted, Ended, NotArrived, PersonsPage, ResultsKey
from destination.domain.outcome import Class
from destination.domain.person import Origin
from destination.domain.run import Run
from destination.store.cursors import InvalidCursorError, cursor_of, position_of
from destination.store.errors import NotFoundError

TIME: Final = timedelta(seconds=10)
"""For how long a page is read; API Gateway waits for 29 s. After it a page may hold fewer than are wanted, or none."""

_TOGETHER: Final = 500
"""How many the ledger is asked about at a time."""


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str, /) -> ActiveConnection: ...


class Runs(Protocol):
    """The runs."""

    def get(self, connection_id: str, run_id: str, /) -> Run | None: ...


class Results(Protocol):
    """Where results are kept."""

    def of(self, connection_id: str, run_id: str, after: str = "", /) -> Iterator[ResultsKey]: ...
    def get(self, key: ResultsKey, /) -> list[NotArrived]: ...


class Ledger(Protocol):
    """What was counted."""

    def ended(
        self, connection_id: str, envelopes: Collection[tuple[int, str]], /
    ) -> Mapping[tuple[int, str], Mapping[str, frozenset[str]]]: ...
    def failures(self, connection_id: str, origins: Collection[tuple[int, Origin]], /) -> Mapping[Origin, Failure]: ...


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """Which of those who did not arrive: with an outcome, for a reason, of an audience."""

    outcome: Class | None = None
    code: str | None = None
    activation_id: str | None = None
    cursor: str | None = None
    limit: int = 100

    def wants(self, one: NotArrived) -> bool:
        """Whether somebody is asked for."""
        if self.outcome not in {None, one.outcome} or self.code not in {None, one.code}:
            return False
        return self.activation_id is None or self.activation_id in map(activation_id, one.audiences)


@dataclass(frozen=True, slots=True)
class ReadPersons:
    """Reads who did not arrive."""

    connections: Connections
    runs: Runs
    results: Results
    ledger: Ledger
    clock: Callable[[], datetime]

    def __call__(self, connection_id: str, run_id: str, wanted: PersonQuery) -> PersonsPage:
        """Some of those who did not arrive in a run. A page may hold fewer than its limit, or none, and be followed.

        Raises NotFoundError where there is no such connection or run, and InvalidCursorError.
        """
        target = self.connections.active(connection_id)
        if not is_hour(run_id) or self.runs.get(connection_id, run_id) is None:
            raise NotFoundError(f"there is no run {run_id}")
        names = target.names
        found: list[Ended] = []
        until = self.clock() + TIME
        for read, (position, one) in enumerate(self._counted(connection_id, run_id, wanted)):
            if len(found) == wanted.limit or (read and self.clock() >= until):
                return PersonsPage(tuple(found), names, cursor_of(position))
            if one is not None:
                found.append(one)
        return PersonsPage(tuple(found), names)

    def _counted(self, connection_id: str, run_id: str, wanted: PersonQuery) -> Iterator[tuple[str, Ended | None]]:
        """The persons of a run, each with its position; None for who is not wanted, or not counted so."""
        name, number = _position(wanted.cursor)
        for key in self.results.of(connection_id, run_id, name[:-1]):  # So that it is among those beyond.
            if key.name < name:
                continue
            try:
                persons = self.results.get(key)
            except NotFoundError:  # It expired, or the connection is being removed.
                continue
            start = number if key.name == name else 0
            for place in range(start, len(persons), _TOGETHER):
                part = persons[place : place + _TOGETHER]
                counted = self._asked(connection_id, [one for one in part if wanted.wants(one)])
                for offset, one in enumerate(part, place):
                    is_meant = wanted.wants(one) and counted.counts(one, key.id)
                    position = f"{key.name}/{offset}"
                    yield position, Ended(one, key.ended_at, cursor_of(position)) if is_meant else None

    def _asked(self, connection_id: str, persons: Sequence[NotArrived]) -> Counted:
        failed = (one for one in persons if one.outcome is Class.FAILED)
        return Counted(
            self.ledger.ended(connection_id, _envelopes(persons)),
            self.ledger.failures(connection_id, [(one.shard, one.origin) for one in failed]),
        )


def _envelopes(persons: Iterable[NotArrived]) -> set[tuple[int, str]]:
    return {(one.shard, one.origin.envelope_id) for one in persons}


def _position(cursor: str | None) -> tuple[str, int]:
    """The name of the results that the page begins in, and the number of the person."""
    if cursor is None:
        return "", 0
    name, slash, number = position_of(cursor).partition("/")
    if not (slash and name and number.isascii() and number.isdigit()):
        raise InvalidCursorError
    return name, int(number)
