"""Files and events by the bulk lane: whatever breaks between any two steps of an import, each row counts once, and
lists equal audiences.

The machine of files (test_files_machine.py) and its oracle, at an instance that is known to do what imports rest on,
and where a few are as many as make an import worth it. Imports are not taken, their answers are lost, rows of them
fail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from destination.domain.event import MembershipStatus
from destination.domain.person import Importing
from destination.domain.shard import name_of
from destination.queue import Message
from marketo_simulator import Fault
from marketo_simulator.imports import Job
from testing.counts import counted
from testing.importing import ALL, few_are_many
from testing.world import MUNCHKIN, START
from tests.property.files_oracle import Place
from tests.property.test_files_machine import MAX_TIME, MOMENTS, SEEDED, Files

KNOWN = {**SEEDED, "carl@example.org": (10,), "dora@example.org": (11,)}
GATHERED = timedelta(minutes=4)
REALIZED = MembershipStatus.REALIZED
UPLOAD, POLL, FILES = "^/bulk/v1/leads.json$", "^/bulk/v1/leads/batch/[0-9]+.json$", "/(failures|warnings).json$"
FAULTS = (
    *(Fault(code=code, path=UPLOAD) for code in ("1016", "1019", "1029", "1003", "603", "713", "9999")),
    *(Fault("drop", executes=executes, path=UPLOAD, times=2, every=1) for executes in (True, False)),
    *(Fault("http", status=502, executes=True, path=UPLOAD, times=times, every=1) for times in (1, 2, 3, 9)),
    *(Fault(code=code, path=POLL) for code in ("1013", "606", "713", "9999")),
    *(Fault(effect, path=POLL, times=2, every=1) for effect in ("drop", "http")),
    *(Fault(code=code, path=FILES) for code in ("1013", "713")),
    *(Fault("malformed", damage=damage, path=FILES) for damage in ("empty", "cut", "html")),
)


class Imports(Files):
    """The instance is known to do all that imports rest on."""

    seeded: Mapping[str, Sequence[int]] = KNOWN
    marketo: Mapping[str, object] = {"import_queue_seconds": 60, "import_seconds": 600}

    def __init__(self) -> None:
        super().__init__()
        self.world.capabilities.put(MUNCHKIN, ALL)

    @initialize(
        few=st.sampled_from([1, 1, 2]),
        most=st.sampled_from([2, 100]),
        people=st.lists(st.sampled_from([*KNOWN]), min_size=2, unique=True),
        changes=st.sampled_from([{}, {"a": REALIZED}, {"a": REALIZED}, {"b": REALIZED}]),
    )
    def begin(self, few: int, most: int, people: Sequence[str], changes: dict[str, MembershipStatus]) -> None:
        """Something was said of some whom imports can tell, who are in one before anything else happens."""
        bounds = {"MIN_WAITING": few, "MIN_ROWS": few, "MIN_MORE": 1, "MAX_ROWS": most}
        few_are_many(self.stack.enter_context(pytest.MonkeyPatch.context()), bounds)
        self.post(people, changes, 0)
        self._deliver(list(self.world.queue.waiting.values()))

    @rule(fault=st.sampled_from(FAULTS), nth=st.integers(1, 2))
    def disturb_an_import(self, fault: Fault, nth: int) -> None:
        self.world.simulator.script(fault if fault.every else replace(fault, nth=nth))

    @rule(index=st.integers(0, 3), how=st.sampled_from(["refused", "cut", "failed"]))
    def spoil(self, index: int, how: str) -> None:
        """A row of an import that waits at Marketo will fail, or be written in another form, or all of it fails."""
        if not self._jobs():
            self.advance_imports(GATHERED, None)
        for job in self._jobs():
            row = job.rows[index % len(job.rows)]
            if how == "failed":
                job.header[-1] = "noSuchField"
            elif how == "cut":
                job.warnings.append([*row, "it was cut"])
            elif len(job.rows) > 1:
                job.rows.remove(row)
                job.processed += 1
                job.failures.append([*row, "it is refused"])

    @rule(wait=st.sampled_from([timedelta(seconds=40), timedelta(minutes=6), timedelta(minutes=15)]), moments=MOMENTS)
    def advance_imports(self, wait: timedelta, moments: int | None) -> None:
        """Time passes in which an import goes on by a step, and what carries it on is delivered alone."""
        if self.world.now + wait < START + MAX_TIME:
            self.world.now += wait
        with self._meddled(self.files.worker, moments, None):
            self._deliver([one for one in self.world.queue.waiting.values() if "lead_import" in one.body])

    def teardown(self) -> None:
        super().teardown()
        assert not [one for one in self.world.imports.stored.values() if one.parts and one.is_going_on]

    def _deliver(self, batch: Sequence[Message]) -> None:
        super()._deliver(batch)
        self.oracle.begun |= self._in_imports()

    def _jobs(self) -> list[Job]:
        return self.world.simulator.imports.waiting(self.world.now)

    def _in_imports(self) -> set[Place]:
        """What is not counted yet of people who are in an import: of a file that is cancelled it may be told."""
        rows = self.world.ledger.people
        told = {key for key in rows if (one := rows[key].importing) is not None and self._is_going_on(one)}
        return {
            place
            for file in self.files.all_files()
            for place, word in self.oracle.words(file).items()
            if word.email is not None and (self.world.connection.id, name_of(word.email)) in told
            if place.number not in counted(self.world, place.envelope)
        }

    def _is_going_on(self, importing: Importing) -> bool:
        one = self.world.imports.get(self.world.connection.id, importing.import_id)
        return one is not None and one.is_going_on and any(part.name == importing.part for part in one.parts)


TestImports = pytest.mark.timeout(900)(Imports.TestCase)
TestImports.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=14)
