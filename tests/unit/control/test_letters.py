"""Letters and dead letters at the use case: what a call has no time for, crashes, and others who decide meanwhile."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from destination.control.dead_letters import MAX_LOOKED_AT, ManageDeadLetters
from destination.control.letters import AT_ONCE, TIME, ManageLetters
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import Status
from destination.domain.letter import Decided, LetterBundle
from destination.queue import Message, ReceivedLetter, pack
from destination.store.errors import NotFoundError
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes, received
from testing.crashes import CrashError, Life, Mortal
from testing.memory import MemoryLetters, MemoryQueue
from testing.stages import ADA, BOB, LEADS, REALIZED
from testing.world import START, World, event

SECOND = timedelta(seconds=1)


@dataclass
class Written:
    """The audit log: what was written, in order."""

    records: list[tuple[AuditAction, str | None, Sequence[AuditChange]]] = field(default_factory=list)

    def write(self, action: AuditAction, connection_id: str | None = None, changes: Sequence[AuditChange] = ()) -> None:
        self.records.append((action, connection_id, changes))


def manage(world: World, life: Life | None = None, letters: object = None) -> ManageLetters:
    """As whoever calls has it; with a life that ends after so many moments."""
    used = letters or world.letters
    return ManageLetters(
        world.connections,
        Mortal(used, life) if life else used,  # type: ignore[arg-type]
        replace(world.manage_parking, queue=Mortal(world.queue, life) if life else world.queue),
        Written(),
        lambda: world.now,
    )


def failing() -> World:
    """Ada and Bob failed, one after the other, for one reason."""
    world = World()
    for who in (ADA, BOB):
        world.simulator.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
        world.deliver(event(who, ("a", REALIZED)))
    assert outcomes(world) == {"failed": 2}
    return world


def test_a_call_ends_in_time_and_the_next_goes_on() -> None:
    """Every bundle takes seconds; what was decided is done, what was not is left."""
    world = failing()

    @dataclass
    class Slow:
        letters: MemoryLetters

        def of(self, connection_id: str) -> Iterator[LetterBundle]:
            return self.letters.of(connection_id)

        def remove(self, bundle: LetterBundle) -> None:
            self.letters.remove(bundle)
            world.now += SECOND

    for number in range(200):
        made = LetterBundle(world.connection.id, "X", START + number * SECOND, START, 1, 2, f"{number + 1000:032x}")
        world.letters.put(made, ["{}"])
    call = manage(world, letters=Slow(world.letters))
    first = call.discard(world.connection.id, "X")
    assert (first.number + first.left, first.left > 0) == (200, True)
    assert len(world.letters.codes) == 2 + first.left
    while (last := call.discard(world.connection.id, "X")).left:
        continue
    assert world.letters.codes == ["MARKETO_1003"] * 2
    assert last.left == 0


def test_so_many_that_the_time_is_over_when_they_are_listed_become_fewer_all_the_same() -> None:
    """100,000 objects are 100 pages of a listing (Amazon S3, "ListObjectsV2"), which every call reads anew."""
    world = failing()

    @dataclass
    class Many:
        letters: MemoryLetters

        def of(self, connection_id: str) -> Iterator[LetterBundle]:
            world.now += TIME
            return self.letters.of(connection_id)

        def redrive(self, bundle: LetterBundle) -> None:
            self.letters.redrive(bundle)

    assert manage(world, letters=Many(world.letters)).redrive(world.connection.id) == Decided(2, 0)


def test_no_more_letters_are_decided_about_at_once_than_there_are_connections() -> None:
    client: Any = boto3.client("s3", region_name="eu-west-1")
    assert client.meta.config.max_pool_connections >= AT_ONCE


def test_letters_that_somebody_else_decided_about_are_none() -> None:
    world = failing()

    @dataclass
    class Raced:
        letters: MemoryLetters

        def of(self, connection_id: str) -> Iterator[LetterBundle]:
            return self.letters.of(connection_id)

        def redrive(self, bundle: LetterBundle) -> None:
            if self.letters.stored:
                self.letters.stored.clear()
            raise NotFoundError("gone")

    assert manage(world, letters=Raced(world.letters)).redrive(world.connection.id) == Decided(0, 0)
    assert world.queue.waiting == {}


def test_wherever_a_redrive_ends_each_letter_is_delivered_once() -> None:
    for moments in itertools.count():
        world = failing()
        try:
            manage(world, Life(moments)).redrive(world.connection.id)
        except CrashError:
            told = len(world.letters.codes) + sum(one.events for one in world.parking.all())
            assert told >= 2, "none is lost"
            manage(world).redrive(world.connection.id)
            world.run(world.now + timedelta(hours=2))
            assert (outcomes(world), received(world), world.letters.codes) == ({"activated": 2}, 2, []), moments
            assert list(world.parking.all()) == []
            assert_balanced(world)
        else:
            assert moments > 4
            return


def test_what_was_redriven_and_nobody_sent_back_comes_back_by_itself() -> None:
    world = failing()
    for bundle in list(world.letters.all()):
        world.letters.redrive(bundle)  # and then the call ends
    world.run(world.now + timedelta(minutes=30))
    assert (outcomes(world), world.letters.codes) == ({"activated": 2}, [])


def test_letters_of_a_connection_that_is_disabled_are_parked() -> None:
    world = failing()
    world.reconfigure(status=Status.DISABLED, held_since=world.now)
    assert manage(world).redrive(world.connection.id) == Decided(2, 0)
    world.run(world.now + timedelta(hours=2))
    assert (outcomes(world), sum(one.events for one in world.parking.all())) == ({"failed": 2}, 2)


def test_a_decision_is_written_down_before_it_is_carried_out() -> None:
    world = failing()
    call = manage(world, Life(2))
    with pytest.raises(CrashError):
        call.discard(world.connection.id)
    written = call.records
    assert isinstance(written, Written)
    changes = [AuditChange("letters.MARKETO_1003", 2, None)]
    assert written.records == [(AuditAction.DISCARD_LETTERS, world.connection.id, changes)]
    assert len(world.letters.codes) == 2


# Dead letters


@dataclass
class DeadLetterQueue:
    """The queue of dead letters, ten at a time, each of which takes a second to come."""

    now: datetime = START
    waiting: list[ReceivedLetter] = field(default_factory=list)
    invisible: dict[str, ReceivedLetter] = field(default_factory=dict)
    keeps: bool = False
    lags: int = 0
    """So many are counted that are there no more."""

    def put(self, *bodies: str, code: str = "UNDECODABLE_MESSAGE") -> None:
        for body in bodies:
            message = Message(f"m-{len(self.waiting) + len(self.invisible)}", "receipt", body)
            self.waiting.append(ReceivedLetter(message, code, "Because."))

    def receive(self) -> list[ReceivedLetter]:
        self.now += SECOND
        found, self.waiting = self.waiting[:10], self.waiting[10:]
        self.invisible |= {one.message.id: one for one in found}
        return found

    def requeue(self, messages: Sequence[Message]) -> None:
        self.waiting += [self.invisible.pop(one.id) for one in messages]

    def delete(self, messages: Sequence[Message]) -> int:
        if self.keeps:
            return len(messages)
        for one in messages:
            del self.invisible[one.id]
        return 0

    def count(self) -> int:
        return len(self.waiting) + self.lags


@dataclass
class Stand:
    dead_letters: DeadLetterQueue = field(default_factory=DeadLetterQueue)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    written: Written = field(default_factory=Written)

    @property
    def manage(self) -> ManageDeadLetters:
        return ManageDeadLetters(self.dead_letters, self.queue, self.written, lambda: self.dead_letters.now)


def bodies(number: int) -> list[str]:
    return [f"not JSON {one}" for one in range(number)]


def test_a_look_ends_in_time_says_what_is_left_and_leaves_all_as_it_was() -> None:
    stand = Stand()
    stand.dead_letters.put(*bodies(500))
    seen = stand.manage.look()
    looked_at = sum(one.messages for one in seen.of)
    assert looked_at + seen.left == 500
    assert 0 < looked_at <= 10 * (TIME // SECOND)
    assert (len(stand.dead_letters.waiting), stand.dead_letters.invisible) == (500, {})


def test_a_look_holds_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand()
    monkeypatch.setattr("destination.control.dead_letters.MAX_LOOKED_AT", 20)
    stand.dead_letters.put(*bodies(50))
    seen = stand.manage.look()
    assert (sum(one.messages for one in seen.of), seen.left) == (20, 30)
    assert MAX_LOOKED_AT > 20


def test_a_message_that_tells_its_connection_is_counted_as_of_it() -> None:
    stand = Stand()
    [(_, body)] = pack("c-1", START, ["{}"], envelope_id="e-1")
    stand.dead_letters.put(body, body, code="UNKNOWN_CONNECTION")
    stand.dead_letters.put("not JSON")
    seen = stand.manage.look()
    assert [(one.connection_id, one.code, one.messages) for one in seen.of] == [
        ("c-1", "UNKNOWN_CONNECTION", 2),
        (None, "UNDECODABLE_MESSAGE", 1),
    ]


@pytest.mark.parametrize("number", [0, 1, 10, 25, 500])
def test_redrives_and_discards_go_on_until_nothing_is_left(number: int) -> None:
    for act in ("redrive", "discard"):
        stand = Stand()
        stand.dead_letters.put(*bodies(number))
        total = 0
        while (decided := getattr(stand.manage, act)()).number:
            total += decided.number
            if not decided.left:
                break
        assert (total, stand.dead_letters.waiting, stand.dead_letters.invisible) == (number, [], {})
        assert len(stand.queue.waiting) == (number if act == "redrive" else 0)


def test_what_the_queue_does_not_take_is_a_dead_letter_still() -> None:
    stand = Stand()
    stand.dead_letters.put(*bodies(12))

    @dataclass
    class Full(MemoryQueue):
        def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]:
            super().send(connection_id, bodies[1:])
            return [0]

    stand.queue = Full()
    assert stand.manage.redrive() == Decided(10, 2)
    assert len(stand.queue.waiting) == 10
    assert len(stand.dead_letters.waiting) == 2


def test_what_was_sent_and_cannot_be_deleted_is_counted_as_left() -> None:
    stand = Stand(DeadLetterQueue(keeps=True))
    stand.dead_letters.put(*bodies(3))
    assert stand.manage.redrive().number == 0
    assert len(stand.queue.waiting) == 3


@pytest.mark.parametrize("act", ["redrive", "discard"])
def test_of_other_reasons_dead_letters_stay(act: str) -> None:
    stand = Stand()
    stand.dead_letters.put(*bodies(15))
    stand.dead_letters.put("x", "y", code="NONE")
    assert getattr(stand.manage, act)("NONE").number == 2
    assert [one.code for one in stand.dead_letters.waiting] == ["UNDECODABLE_MESSAGE"] * 15
    assert len(stand.queue.waiting) == (2 if act == "redrive" else 0)


def test_a_redrive_of_dead_letters_is_written_down() -> None:
    stand = Stand()
    stand.manage.redrive()
    stand.manage.discard()
    assert [action for action, _, _ in stand.written.records] == [
        AuditAction.REDRIVE_DEAD_LETTERS,
        AuditAction.DISCARD_DEAD_LETTERS,
    ]


@pytest.mark.parametrize("act", ["redrive", "discard"])
def test_none_is_left_when_all_were_decided_about_whatever_the_queue_still_counts(act: str) -> None:
    """For a minute at least SQS may count what is there no more (Amazon SQS, "GetQueueAttributes")."""
    stand = Stand(DeadLetterQueue(lags=3))
    stand.dead_letters.put(*bodies(3))
    assert stand.manage.look().left == 0
    assert getattr(stand.manage, act)() == Decided(3, 0)
