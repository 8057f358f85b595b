"""Resyncs are closed, drained, counted and carried out; nobody is taken off who was named, whatever waits or fails."""

from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from destination.domain.connection import OnInvalid, Status, Waiting
from destination.domain.event import MembershipStatus
from destination.domain.file import File, FileStatus, Mode
from destination.domain.file_form import form_of_name
from destination.domain.loss import RECORD_UNREADABLE
from destination.domain.resync import DRAINED_AFTER, GIVEN_UP_AFTER, ClosedBy, ResyncCode, ResyncHold, ResyncStatus
from destination.queue import COUNTS_LAG, QueueCounts
from testing.crashes import CrashError
from testing.file_world import Meddled
from testing.resyncs import ID, ResyncWorld
from testing.world import audience, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
PEOPLE = ("ada", "bob", "cam", "dan", "eve")


@pytest.fixture
def made() -> ResyncWorld:
    """Five people are in both audiences; every membership has the same old time, whenever it is sent."""
    found = ResyncWorld()
    found.world.deliver(*(event(f"{who}@example.com", ("a", REALIZED), ("b", REALIZED)) for who in PEOPLE))
    found.world.now += timedelta(days=1)
    return found


def name(made: ResyncWorld, *people: str) -> None:
    made.world.deliver(*(event(f"{who}@example.com", ("a", REALIZED)) for who in people))


def activation(made: ResyncWorld, of: str) -> str:
    return made.world.target.activations[audience(of)].id


def test_who_is_not_named_leaves_its_audience_once_somebody_said_yes_to_the_first(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()

    assert made.steps() is ResyncStatus.HELD
    counts = made.resync.counts[activation(made, "a")]
    assert (made.resync.holds, counts.members, counts.named) == ((ResyncHold.FIRST,), 5, 3)
    assert made.members() == list(PEOPLE)

    made.approve()
    assert made.steps() is ResyncStatus.COMPLETED
    assert made.members() == ["ada", "bob", "cam"]
    assert made.members("b") == list(PEOPLE)
    assert (made.resync.left, made.world.target.connection.resyncing) == (2, None)


def test_the_same_entry_brings_somebody_back_that_came_too_late(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()
    made.steps()
    made.approve()
    made.steps()

    name(made, "dan")
    assert made.members() == ["ada", "bob", "cam", "dan"]


def test_it_closes_by_itself_once_nothing_came_for_so_long(made: ResyncWorld) -> None:
    made.open(quiet=timedelta(minutes=30))
    assert made.steps(8) is ResyncStatus.OPEN  # Nothing has come yet.
    name(made, *PEOPLE)
    heard_at = made.world.now
    while made.resync.status is ResyncStatus.OPEN:
        made.step()
    last = made.resync.heard_at
    assert (made.resync.closed_by, last) == (ClosedBy.QUIET, heard_at + timedelta(microseconds=len(PEOPLE) - 1))
    assert made.resync.closed_at == heard_at + timedelta(minutes=35)  # The first look at which it was quiet so long.


def test_it_is_not_quiet_while_something_waits_that_may_have_come(made: ResyncWorld) -> None:
    made.open(quiet=timedelta(minutes=30))
    name(made, "ada")
    made.world.reconfigure(status=Status.DISABLED)
    name(made, "bob")
    for _ in range(20):
        made.step()
    assert made.world.parking.stored
    assert made.resync.status is ResyncStatus.OPEN


def test_one_that_is_open_for_too_long_is_closed_and_held(made: ResyncWorld) -> None:
    made.open(longest=timedelta(hours=2))
    for _ in range(24):
        made.step()
        name(made, "ada", "bob", "cam")
    assert made.resync.closed_by is ClosedBy.TIME
    assert made.steps() is ResyncStatus.HELD
    assert ResyncHold.STILL_COMING in made.resync.holds


@pytest.mark.parametrize("cause", ["parked", "waiting", "file", "queue"])
def test_nobody_is_counted_while_something_waits_that_was_received_before_it_closed(
    made: ResyncWorld, cause: str
) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob")
    made.world.now += timedelta(minutes=1)
    match cause:
        case "parked":
            made.world.reconfigure(status=Status.DISABLED)
            name(made, "cam")
            made.world.reconfigure(status=Status.ENABLED)
        case "waiting":
            since = Waiting(made.world.now, made.world.now + timedelta(hours=2))
            made.world.connections.wait(made.world.connection.id, since)
            made.queue.others = QueueCounts(0, 1)
        case "file":
            made.files.create(file(made))
        case "queue":
            made.queue.others = QueueCounts(1, 0)
    made.world.now += timedelta(minutes=1)
    made.close()
    for _ in range(20):
        made.step()
    assert made.resync.status is ResyncStatus.DRAINING

    made.world.connections.wait(made.world.connection.id, None)
    made.queue.others = QueueCounts(0, 0)
    made.files.stored.clear()
    assert made.steps() is ResyncStatus.HELD


def file(made: ResyncWorld) -> File:
    return File(
        id=ID,
        connection_id=made.world.connection.id,
        name="people.csv",
        key="uploads/people.csv",
        mode=Mode.ADD,
        activation_id=None,
        form=form_of_name("people.csv"),
        status=FileStatus.READING,
        created_at=made.world.now,
        received_at=made.world.now,
    )


def test_what_is_received_after_it_closed_holds_nothing_up(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, *PEOPLE)
    made.close()
    made.world.now += timedelta(minutes=1)
    made.files.create(file(made))
    made.world.connections.wait(made.world.connection.id, Waiting(made.world.now, made.world.now + timedelta(hours=9)))
    assert made.steps() is ResyncStatus.COMPLETED


def test_where_other_messages_are_always_in_flight_it_takes_longer_than_a_delivery_may(made: ResyncWorld) -> None:
    made.queue.others = QueueCounts(0, 3)
    made.open(activation(made, "a"))
    name(made, *PEOPLE)
    made.close()
    closed_at = made.world.now
    while made.resync.status is ResyncStatus.DRAINING:
        made.step()
    assert made.world.now - closed_at >= COUNTS_LAG + DRAINED_AFTER


BUSY = QueueCounts(7, 3)


@pytest.mark.parametrize("behind", [timedelta(minutes=6), timedelta(minutes=12)])
def test_where_others_always_have_something_to_be_received_it_is_known_how_old_that_is(
    made: ResyncWorld, behind: timedelta
) -> None:
    made.queue.others, made.ages.behind = BUSY, behind
    made.open(activation(made, "a"))
    name(made, *PEOPLE)
    made.close()
    closed_at = made.world.now
    while made.resync.status is ResyncStatus.DRAINING:
        made.step()
    took = made.world.now - closed_at
    least = COUNTS_LAG + behind + DRAINED_AFTER + behind
    assert least <= took < least + timedelta(minutes=15)


def test_where_they_have_and_that_is_old_or_not_known_it_waits(made: ResyncWorld) -> None:
    made.queue.others = BUSY
    made.open(activation(made, "a"))
    name(made, *PEOPLE)
    made.close()
    assert made.steps(20) is ResyncStatus.DRAINING
    made.ages.behind = timedelta(days=2)
    assert made.steps(20) is ResyncStatus.DRAINING
    assert since(made) is None


def test_where_they_have_it_closes_by_itself_once_it_was_quiet_until_then(made: ResyncWorld) -> None:
    made.queue.others, made.ages.behind = BUSY, timedelta(minutes=7)
    made.open(quiet=timedelta(minutes=30))
    name(made, *PEOPLE)
    heard_at = made.world.now
    while made.resync.status is ResyncStatus.OPEN:
        made.step()
    assert made.resync.closed_by is ClosedBy.QUIET
    assert made.resync.closed_at == heard_at + timedelta(minutes=40)  # The first look after 37.


def test_it_begins_to_drain_again_where_something_older_shows(made: ResyncWorld) -> None:
    made.queue.others = QueueCounts(0, 3)
    made.open(activation(made, "a"))
    name(made, *PEOPLE)
    made.close()
    made.steps(2)
    assert since(made) is not None
    older = Waiting(made.resync.opened_at, made.world.now + timedelta(minutes=30))
    made.world.connections.wait(made.world.connection.id, older)
    assert made.steps(1) is ResyncStatus.DRAINING
    assert since(made) is None


def since(made: ResyncWorld) -> datetime | None:
    """Since when it drains."""
    return made.resync.drained_since


def test_who_was_named_and_failed_stays(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam", "dan")
    made.world.reconfigure(on_invalid=OnInvalid.FAIL)
    made.world.deliver(event("eve@example.com", ("a", REALIZED), score="hot"))
    assert list(made.world.letters.all())
    made.close()
    made.steps()
    assert made.resync.counts[activation(made, "a")].named == 5


def test_records_that_could_not_be_read_hold_it(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam", "dan")
    made.world.post(losses={RECORD_UNREADABLE: 2})
    made.world.deliver()
    made.close()
    made.steps()
    assert (made.resync.lost, ResyncHold.UNREADABLE in made.resync.holds) == (2, True)


def test_people_are_counted_as_far_as_there_is_time_and_from_there_on(
    made: ResyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made.world.ledger, "page_rows", 2)
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()
    while made.resync.status is ResyncStatus.DRAINING:
        made.step()
    states = []
    for times in (2, 2, 3):
        made.step(iter([True] * times + [False]).__next__)
        states.append((made.resync.status.value, made.resync.counts[activation(made, "a")].members))
    assert states == [("counting", 2), ("counting", 4), ("held", 5)]
    assert made.resync.counts[activation(made, "a")] == (5, 3)


def test_it_is_given_up_where_something_waits_for_a_week_or_nobody_says_yes(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob")
    made.close()
    made.steps()
    assert made.resync.status is ResyncStatus.HELD
    made.world.now += GIVEN_UP_AFTER
    made.step()
    assert (made.resync.status, made.resync.code) == (ResyncStatus.FAILED, ResyncCode.GIVEN_UP)
    assert made.members() == list(PEOPLE)


def test_it_fails_where_no_list_is_left_or_the_connection_is_gone(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    made.world.deactivate("a")
    made.close()
    made.steps()
    assert made.resync.code is ResyncCode.NO_LISTS

    gone = ResyncWorld()
    gone.open()
    gone.world.connections.stored.clear()
    gone.step()
    assert gone.resync.code is ResyncCode.NO_LISTS


def test_it_waits_for_another_verification(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()
    made.steps()
    other = made.verifying.request(made.world.connection.id, [], frozenset(), None, keeps_times=False)
    made.approve()
    made.step()
    assert made.resync.verification is None
    made.world.verifications.put(other.failed("OTHER", made.world.now))
    assert made.steps() is ResyncStatus.COMPLETED
    assert made.members() == ["ada", "bob", "cam"]


@pytest.mark.parametrize("moments", [None, *range(0, 10)])
def test_nobody_leaves_by_one_that_is_cancelled_at_any_moment_before_they_do(
    made: ResyncWorld, moments: int | None
) -> None:
    def cancel() -> None:
        if not made.resync.is_ended:
            cancelled = made.resyncs.put(made.resync.cancelled(made.world.now))
            if cancelled.verification is not None:
                made.verifying.cancel(cancelled.connection_id, cancelled.verification)

    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()
    made.steps()
    made.approve()
    made.life = Meddled(until_meddled=moments, meddle=cancel)
    made.step()
    cancel()
    made.steps()
    assert made.resync.status is ResyncStatus.CANCELLED
    assert made.members() == list(PEOPLE)


def test_a_list_that_is_gone_fails_it(made: ResyncWorld) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()
    made.steps()
    made.approve()
    made.step()
    made.world.activate("a", list_id=1999)
    made.steps()
    assert (made.resync.status, made.resync.code) == (ResyncStatus.FAILED, ResyncCode.NOT_TAKEN_OFF)


def test_what_aws_refuses_one_does_not_keep_the_next_step_from_it(
    made: ResyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> QueueCounts:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetQueueAttributes")

    made.open(activation(made, "a"))
    name(made, *PEOPLE)
    made.close()
    with monkeypatch.context() as patched:
        patched.setattr(made.queue, "counts", refuse)
        (one,) = made.step()
    assert one.trouble == "ThrottlingException"
    assert made.steps() is ResyncStatus.COMPLETED


@pytest.mark.parametrize("moments", range(0, 24))
def test_whoever_carries_it_on_may_die_between_any_two_steps(made: ResyncWorld, moments: int) -> None:
    made.open(activation(made, "a"))
    name(made, "ada", "bob", "cam")
    made.close()
    made.life.moments = moments
    for _ in range(12):
        try:
            made.step()
        except CrashError:
            made.life.moments = None
        made.world.deliver()
        if made.resync.status is ResyncStatus.HELD:
            made.approve()
    made.life.moments = None
    assert made.steps() is ResyncStatus.COMPLETED
    assert made.members() == ["ada", "bob", "cam"]
    assert made.members("b") == list(PEOPLE)
    assert made.world.target.connection.resyncing is None
