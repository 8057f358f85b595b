"""Files beside events: whatever breaks between any two steps, each row counts once, and lists equal audiences.

Files that add, that say who left, and that are the whole audience; told of twice, cancelled, held and approved, written
again while they are read; events and letters before, between and after; workers that die, or beside whom somebody
cancels, between any two effects; a Marketo that refuses. The oracle (files_oracle.py) is docs/files.md and
docs/delivery.md, a second time.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from destination.delivery.batch import MessageEnd
from destination.domain.connection import Limits
from destination.domain.event import Membership, MembershipStatus
from destination.domain.file import File, FileStatus, Mode
from destination.files.reading import CLAIM
from destination.queue import Message
from marketo_simulator import Fault
from testing.counts import assert_balanced
from testing.crashes import CrashError
from testing.file_world import FileWorld, Meddled, parts_of
from testing.results import assert_listed
from testing.world import START, World, audience, connection, event
from tests.property.files_oracle import FilesOracle, Place, Row, content_of

SEEDED = {"ada@example.org": (7,), "bob@example.org": (8, 9)}
PEOPLE = (*SEEDED, "carl@example.org", "dora@example.org")
LEADS, LISTS = "^/rest/v1/leads.json", "^/rest/v1/lists/"
FAULTS = (
    *(Fault(code=code, path="^/rest") for code in ("603", "607", "611", "713", "9999")),
    *(Fault(code="604", executes=True, path=path) for path in (LEADS, LISTS)),
    *(Fault("http", status=502, executes=executes, path="^/rest") for executes in (True, False)),
    *(Fault("skip", code, records=(0,), path=LEADS) for code in ("1003", "713")),
    *(Fault("skip", code, records=(0,), path=LISTS) for code in ("1003", "713")),
)
NAMES = st.sampled_from("ab")
MAX_TIME = timedelta(days=25)
"""So long nothing has waited too long, and no file is over because of that."""

MOMENTS = st.none() | st.integers(0, 60)
BROKEN = ("torn", "nobody")
"""A row of too few cells, and one that says who nobody is."""


class Files(RuleBasedStateMachine):
    """One connection that updates and creates.

    `seeded`: who is in Marketo from the start, as which leads; `marketo`: settings of the simulator.
    """

    seeded: Mapping[str, Sequence[int]] = SEEDED
    marketo: Mapping[str, object] = {}

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(parts_of(2))
        leads = [{"id": lead_id, "email": email} for email, ids in self.seeded.items() for lead_id in ids]
        self.files = FileWorld(World(connection(limits=Limits(concurrency=1)), leads, self.marketo))
        self.world = self.files.world
        self.oracle = FilesOracle()
        self.numbers = count()
        self.done: list[Message] = []
        self.read_before: set[str] = set()

    @initialize(cache=st.sampled_from([timedelta(0), timedelta(hours=24)]))
    def choose(self, cache: timedelta) -> None:
        self.world.reconfigure(lead_cache=cache)

    # What is said

    @rule(
        people=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3),
        changes=st.dictionaries(NAMES, st.sampled_from(MembershipStatus)),
        ago=st.sampled_from([0, 0, 1, 90]),
    )
    def post(self, people: Sequence[str], changes: dict[str, MembershipStatus], ago: int) -> None:
        """Events, of which the audiences, and all else, may have been said some minutes ago.

        They come between two seconds, as rows are received around one (files_oracle.py).
        """
        now = self._tick(seconds=2) - timedelta(milliseconds=500)
        envelope, events = f"envelope-{self._next_envelope()}", []
        for number, email in enumerate(people):
            received_at = now + timedelta(microseconds=number)
            at = received_at - timedelta(minutes=ago)
            said = event(email, at=at, company=self._company())
            memberships = tuple(Membership(audience(name), status, at) for name, status in changes.items())
            events.append(replace(said, memberships=memberships, received_at=received_at))
            self.oracle.said(Place(envelope, str(number)), events[-1])
        self.world.post(*events)

    @rule(
        mode=st.sampled_from(Mode),
        name=NAMES,
        is_of_audience=st.sampled_from([True, True, False]),
        rows=st.lists(
            st.tuples(st.sampled_from([*PEOPLE, *PEOPLE, *BROKEN]), st.booleans(), st.sampled_from([None, 0, 2])),
            max_size=5,
        ),
        is_new=st.booleans(),
        is_told=st.booleans(),
        has_times=st.booleans(),
    )
    def drop(
        self,
        mode: Mode,
        name: str,
        is_of_audience: bool,
        rows: list[tuple[str, bool, int | None]],
        is_new: bool,
        is_told: bool,
        has_times: bool,
    ) -> None:
        """A file is dropped, as one of its own or over the one before, and S3 tells of it at once, or not."""
        now = self._tick(seconds=2)
        of = name if is_of_audience or mode is not Mode.ADD else None
        said = [
            Row(who, is_in, None if ago is None or not has_times else now - timedelta(minutes=ago), self._company())
            for who, is_in, ago in rows
        ]
        file_name = f"people-{self._company() if is_new else 0}.csv".replace(" ", "-")
        content = content_of(said, mode, has_times=has_times and mode is Mode.INCREMENTAL)
        key = self.files.drop(mode, of, file_name, content)
        self.oracle.dropped(key, self.files.objects.uploads[key][0].version, mode, of, said)
        if is_told:
            self.files.tell(key)

    # Who reads, delivers, and works beside

    @rule(moments=MOMENTS, parts=st.sampled_from([0, 1, 9]), cancelled=MOMENTS, is_late=st.booleans())
    def read(self, moments: int | None, parts: int, cancelled: int | None, is_late: bool) -> None:
        """Files are carried on; the time may be over after some parts, and somebody may cancel one meanwhile."""
        self._tick()
        if is_late:
            self.world.now += CLAIM
        left = iter([True] * parts)
        with self._meddled(self.files.reader, moments, cancelled):
            try:
                self.files.tick(lambda: next(left, False))
            except CrashError:
                self.world.now += timedelta(minutes=1)

    @rule(
        order=st.builds(Random, st.integers(0, 2**32 - 1)),
        share=st.sampled_from([0.4, 1.0, 1.0]),
        again=st.booleans(),
        moments=MOMENTS,
        cancelled=MOMENTS,
    )
    def deliver(self, order: Random, share: float, again: bool, moments: int | None, cancelled: int | None) -> None:
        self.world.monitor()
        batch = [one for one in self.world.queue.waiting.values() if order.random() < share]
        if again:
            batch += [one for one in self.done if order.random() < share]
        order.shuffle(batch)
        with self._meddled(self.files.worker, moments, cancelled):
            self._deliver(batch)

    @rule(index=st.integers(0, 3))
    def tell_again(self, index: int) -> None:
        """S3 tells of an object twice, or late; it may be gone by then."""
        keys = sorted(self.oracle.keys)
        if keys:
            self.files.tell(keys[index % len(keys)])

    @rule()
    def cancel(self) -> None:
        self._cancel_newest()

    @rule()
    def approve(self) -> None:
        for one in self.files.all_files():
            if one.status is FileStatus.HELD:
                self.files.manage.approve(one.connection_id, one.id)

    @rule()
    def redrive(self) -> None:
        self.world.redrive()

    @rule(fault=st.sampled_from(FAULTS), nth=st.integers(1, 4))
    def disturb(self, fault: Fault, nth: int) -> None:
        self.world.simulator.script(replace(fault, nth=nth))

    @rule(is_refused=st.booleans(), what=st.sampled_from(["outcomes", "parking"]))
    def refuse(self, is_refused: bool, what: str) -> None:
        """AWS refuses what is to be stored, until it does no more."""
        if what == "outcomes":
            self.files.objects.refuses = is_refused
        else:
            self.world.parking.refuses = is_refused

    @rule(wait=st.sampled_from([timedelta(minutes=7), timedelta(hours=1), timedelta(hours=25), timedelta(days=6)]))
    def wait(self, wait: timedelta) -> None:
        if self.world.now + wait < START + MAX_TIME:
            self.world.now += wait

    # What must hold at any time

    @invariant()
    def the_accounts_are_balanced(self) -> None:
        assert_balanced(self.world)
        assert_listed(self.world)

    @invariant()
    def what_is_told_of_a_file_is_what_was_counted(self) -> None:
        for file in self.files.all_files():
            if file.id in self.files.objects.results and file.is_ended:
                self.oracle.assert_told(self.world, file, self.files.result(file))

    @invariant()
    def nobody_is_there_twice(self) -> None:
        for email in PEOPLE:
            there = len(self.world.leads_by_email(email))
            assert there == len(self.seeded[email]) if email in self.seeded else there <= 1

    # What must hold when all has come to rest

    def teardown(self) -> None:
        try:
            self._come_to_rest()
            self.oracle.assert_all_counted(self.world, self.files.all_files(), self.files.result)
            self.nobody_is_there_twice()
            self.oracle.assert_lists(self.world, self.files.all_files(), PEOPLE, self.seeded)
        finally:
            self.stack.close()

    def go_on(self) -> None:
        """What goes on by itself, once: files, what is parked, verifications, and all that waits in the queue."""
        self.files.tick()
        self.world.resume()
        self.files.verifying.resume()
        self._deliver(list(self.world.queue.waiting.values()))

    @property
    def is_at_rest(self) -> bool:
        return not self.world.waiting and not self.world.letters.bodies and self._files_are_ended()

    def _come_to_rest(self) -> None:
        """Nothing goes wrong any more, and whoever is asked says yes."""
        self.world.simulator.clear_faults()
        self.files.objects.refuses = self.world.parking.refuses = False
        for _ in range(60):
            self.approve()
            self.redrive()
            self.go_on()
            if self.is_at_rest:
                return
            self.world.now += timedelta(minutes=20)
        raise AssertionError("it never comes to rest")

    def _files_are_ended(self) -> bool:
        return all(one.is_ended for one in self.files.all_files())

    # How it happens

    def _tick(self, seconds: int = 1) -> datetime:
        """No two things happen at the same time."""
        self.world.now += timedelta(seconds=seconds)
        return self.world.now

    def _company(self) -> str:
        return f"Company {next(self.numbers)}"

    def _next_envelope(self) -> int:
        """The number that the next envelope will have."""
        number = next(self.world.numbers)
        self.world.numbers = count(number)
        return number

    def _meddled(self, life: Meddled, moments: int | None, cancelled: int | None) -> ExitStack:
        """While the block runs, that life ends after so many moments, and a file is cancelled after so many."""
        life.moments, life.until_meddled, life.meddle = moments, cancelled, self._cancel_newest
        stack = ExitStack()
        stack.callback(self._calm, life)
        return stack

    def _calm(self, life: Meddled) -> None:
        life.moments = life.until_meddled = None

    def _cancel_newest(self) -> None:
        going_on = [one for one in self.files.all_files() if not one.is_ended]
        if going_on:
            newest = max(going_on, key=_created)
            self.files.manage.cancel(newest.connection_id, newest.id)

    def _deliver(self, batch: Sequence[Message]) -> None:
        late = self.oracle.uncounted(self.world, self.files.all_files())
        try:
            report = self.world.sync(batch, timedelta(minutes=5))
        except CrashError:
            self.oracle.begun |= late
            # Its messages and its lease are held until their time is over.
            self.world.now += timedelta(minutes=30)
        else:
            acknowledged = [one for one in batch if one.id not in report.requeued]
            self.world.queue.delete([one.id for one in acknowledged])
            parked = {one.message_id for one in report.messages if one.end is MessageEnd.PARKED}
            self.done += [one for one in acknowledged if one.id not in parked]
            self.world.now += timedelta(seconds=1)
        self.oracle.verified(self.world, self.files.all_files(), late)


def _created(file: File) -> tuple[datetime, str]:
    return file.created_at, file.id


TestFiles = pytest.mark.timeout(900)(Files.TestCase)
TestFiles.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=12)
