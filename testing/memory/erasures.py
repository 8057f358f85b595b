"""Marks of people who were erased, and their traces, in memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from destination.domain.audit import AuditRecord
from destination.domain.erasure import Erasure, Step, marks_in, stamp
from destination.domain.letter import LetterBundle
from destination.domain.not_arrived import ResultsKey
from destination.domain.parking import Bundle
from destination.store.results import line_of, person_of
from testing.memory.letters import MemoryLetters
from testing.memory.parking import MemoryParking
from testing.memory.results import MemoryResults


@dataclass
class MemoryErasures:
    stored: dict[tuple[str, str], Erasure] = field(default_factory=dict)
    called: dict[tuple[str, str, str], str] = field(default_factory=dict)
    records: list[AuditRecord] = field(default_factory=list)

    def create(self, erasure: Erasure) -> None:
        self.stored[erasure.connection_id, erasure.id] = erasure

    def request(self, erasure: Erasure, call: str, record: AuditRecord) -> str:
        known = self.called.get((erasure.connection_id, erasure.name, call))
        if known is None and (erasure.connection_id, erasure.id) not in self.stored:
            self.called[erasure.connection_id, erasure.name, call] = erasure.id
            self.records.append(record)
            self.create(erasure)
        return known or erasure.id

    def get(self, connection_id: str, erasure_id: str) -> Erasure | None:
        return self.stored.get((connection_id, erasure_id))

    def put(self, erasure: Erasure) -> None:
        if (erasure.connection_id, erasure.id) in self.stored:
            self.stored[erasure.connection_id, erasure.id] = erasure

    def mark(self, erasure: Erasure) -> None:
        self.stored.setdefault((erasure.connection_id, erasure.id), erasure)

    def marks(self, connection_id: str, since: datetime) -> dict[str, datetime]:
        return marks_in(name for owner, name in self.stored if owner == connection_id and name >= stamp(since))

    def erase(self, connection_id: str) -> bool:
        self.stored = {name: one for name, one in self.stored.items() if name[0] != connection_id}
        return True


@dataclass
class MemoryTraces:
    """What the other stores in memory keep, as lines."""

    letters: MemoryLetters
    parking: MemoryParking
    results: MemoryResults

    def names(self, step: Step, connection_id: str, after: str) -> Iterator[str]:
        own = sorted(self._named(step, connection_id))
        return (name for name in own if name > after)

    def rewrite(
        self, step: Step, connection_id: str, name: str, change: Callable[[list[str]], list[str] | None]
    ) -> None:
        key = self._named(step, connection_id).get(name)
        if isinstance(key, ResultsKey):
            changed = change([line_of(one) for one in self.results.stored[key]])
            if changed is not None:
                self.results.stored[key] = [person_of(line, key.run_id) for line in changed]
        elif key is not None:
            stored: dict[Any, list[str]] = self.letters.stored if step is Step.LETTERS else self.parking.stored
            changed = change(list(stored[key]))
            if changed == []:
                del stored[key]
            elif changed is not None:
                stored[key] = changed

    def _named(self, step: Step, connection_id: str) -> dict[str, Bundle | LetterBundle | ResultsKey]:
        if step is Step.RESULTS:
            return {
                f"{one.run_id}/{one.name}": one for one in self.results.stored if one.connection_id == connection_id
            }
        stored: Iterable[Bundle | LetterBundle] = self.letters.stored if step is Step.LETTERS else self.parking.stored
        return {one.name: one for one in stored if one.connection_id == connection_id}
