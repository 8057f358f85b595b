"""Letters: how many events failed and why, and what is decided about them, a redrive or the end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Protocol

from destination.control.parking import ManageParking
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import Connection
from destination.domain.letter import Decided, LetterBundle, LettersOfCode, by_code
from destination.store.errors import NotFoundError

TIME: Final = timedelta(seconds=10)
"""How long a call goes on to further letters; API Gateway waits for 29 s, in which they are sent back as well. Some are
decided about however long it took to list them all: a call that decides about none would never be the last.
"""

AT_ONCE: Final = 10
"""Letters that are decided about side by side: as many as there are connections to S3 (botocore, "Config Reference",
max_pool_connections). Beyond them each call would make one of its own, and throw it away.
"""
_TOGETHER: Final = 64
"""Of how many bundles the time is asked for."""


class Connections(Protocol):
    """The configured connections."""

    def get(self, connection_id: str, /) -> Connection: ...


class Letters(Protocol):
    """Where letters are kept."""

    def of(self, connection_id: str, /) -> Iterable[LetterBundle]: ...
    def redrive(self, bundle: LetterBundle, /) -> None: ...
    def remove(self, bundle: LetterBundle, /) -> None: ...


class Records(Protocol):
    """The audit log."""

    def write(
        self, action: AuditAction, connection_id: str | None = None, changes: Sequence[AuditChange] = (), /
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ManageLetters:
    """Tells of letters, redrives and discards them. Every method raises NotFoundError for a connection that is gone."""

    connections: Connections
    letters: Letters
    resume: ManageParking
    records: Records
    clock: Callable[[], datetime]

    def of(self, connection_id: str) -> Sequence[LettersOfCode]:
        """The letters of a connection by the codes of their reasons, most first."""
        return by_code(self.letters.of(self.connections.get(connection_id).id))

    def redrive(self, connection_id: str, code: str | None = None) -> Decided:
        """Have letters delivered, of one code or all: they are parked, and sent back at once with all that is.

        A letter that several redrive is delivered once. One that fails again is a letter again.
        """
        decided = self._decide(connection_id, code, AuditAction.REDRIVE_LETTERS, self.letters.redrive)
        if decided.number:
            self.resume(connection_id)
        return decided

    def discard(self, connection_id: str, code: str | None = None) -> Decided:
        """Remove letters, of one code or all. What failed stays failed, and cannot be redriven any more."""
        return self._decide(connection_id, code, AuditAction.DISCARD_LETTERS, self.letters.remove)

    def _decide(
        self, connection_id: str, code: str | None, action: AuditAction, act: Callable[[LetterBundle], None]
    ) -> Decided:
        until = self.clock() + TIME
        found = [one for one in self.letters.of(self.connections.get(connection_id).id) if code in {None, one.code}]
        if not found:
            return Decided(0, 0)
        changes = [AuditChange(f"letters.{one.code}", one.events, None) for one in by_code(found)]
        self.records.write(action, connection_id, changes)

        def decide(bundle: LetterBundle) -> int:
            with suppress(NotFoundError):  # Somebody else decided about it.
                act(bundle)
                return bundle.events
            return 0

        events, left = 0, sum(one.events for one in found)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for place, bundles in enumerate(_portions(found)):
                if place and self.clock() >= until:
                    break
                events += sum(threads.map(decide, bundles))
                left -= sum(one.events for one in bundles)
        return Decided(events, left)


def _portions(bundles: Iterable[LetterBundle]) -> Iterator[list[LetterBundle]]:
    rest = iter(bundles)
    while portion := list(islice(rest, _TOGETHER)):
        yield portion
