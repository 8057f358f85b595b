"""Parking: names that tell all that is counted, what holds a connection up, and what is sent back when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain.connection import Connection, Status, Waiting
from destination.domain.parking import (
    HOLDS,
    MAX_BUNDLES,
    MAX_EVENTS,
    MAX_WAIT,
    RESEND_AFTER,
    RETRY_BLOCKED,
    Bundle,
    Hold,
    Parked,
    Resumption,
    WaitsFor,
    hold_of,
    to_send_back,
    waiting_of,
    waits_since,
)
from destination.domain.pause import Pause
from testing.persons import START, connection

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TIMES = st.integers(0, 100 * 366 * 24 * 3600 * 10**6).map(
    lambda after: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=after)
)
BUNDLES = st.builds(
    Bundle,
    connection_id=st.just("c-1"),
    waits_for=st.sampled_from(WaitsFor),
    due_at=TIMES,
    oldest_at=TIMES,
    events=st.integers(0, 999_999_999),
    size=st.integers(0, 999_999_999_999),
    id=st.text("0123456789abcdef", min_size=32, max_size=32),
)
PAUSE = Pause(START + HOUR, "607", "the quota is used up", 3, START - MINUTE)


def bundle(number: int = 0, **changes: Any) -> Bundle:
    plain = Bundle("connection-1", WaitsFor.RETRY, START, START - HOUR, 1, 100, f"{number:032x}")
    return replace(plain, **changes)


def blocked(**changes: Any) -> Connection:
    marks = {"status": Status.BLOCKED, "blocked_cause": "no access", "held_since": START, "retry_at": START + HOUR}
    return connection(**(marks | changes))


def sent(bundles: Sequence[Bundle], one: Connection, now: datetime, **given: Any) -> list[Bundle]:
    """What is sent back of a connection that nothing but itself holds up."""
    return to_send_back(bundles, one, hold_of(one, None, now), now, **given)[0]


# Names


@given(BUNDLES)
def test_a_name_tells_all_of_a_bundle_to_the_second(made: Bundle) -> None:
    found = Bundle.named("c-1", made.name)
    assert replace(found, due_at=made.due_at, oldest_at=made.oldest_at) == made
    assert timedelta(0) <= found.due_at - made.due_at < SECOND, "it would come back before it is due"
    assert timedelta(0) <= made.oldest_at - found.oldest_at < SECOND, "it would look younger than it is"
    assert found.name == made.name


@given(st.lists(BUNDLES, min_size=2, max_size=8))
def test_names_are_listed_in_the_order_in_which_they_are_due(made: list[Bundle]) -> None:
    in_order = [Bundle.named("c-1", name).due_at for name in sorted(one.name for one in made)]
    assert all(one <= other for one, other in pairwise(in_order))


def test_a_name_is_of_utc_whatever_the_time_zone() -> None:
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    made = bundle(due_at=START.astimezone(elsewhere), oldest_at=(START - HOUR).astimezone(elsewhere))
    assert made.name == bundle().name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "letters",
        bundle().name + "0",
        bundle().name[:-1],
        "x" + bundle().name,
        bundle().name + "\n",
        bundle().name.replace("retry", "asleep"),
        bundle().name.replace("retry", "RETRY"),
        bundle().name.replace("-1-100-", "--1-100-"),
        bundle().name.replace("-1-100-", "-1234567890-100-"),
        bundle().name.replace("20261121", "20261321"),
        bundle().name.replace("-1-100-", "-\N{ARABIC-INDIC DIGIT ONE}-100-"),
    ],
)
def test_what_is_no_name_of_a_bundle_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Bundle.named("c-1", name)


def test_what_is_parked_for_a_cause_is_added_up() -> None:
    bundles = [
        bundle(1, events=3, oldest_at=START - HOUR, due_at=START + MINUTE),
        bundle(2, events=0, oldest_at=START - 3 * HOUR, due_at=START + HOUR),
        bundle(3, events=5, oldest_at=START - 2 * HOUR, due_at=START),
    ]
    assert Parked.of(bundles) == Parked(8, START - 3 * HOUR, START)


# What holds a connection up


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_a_connection_that_does_not_deliver_waits_for_somebody(status: Status) -> None:
    held = hold_of(connection(status=status, held_since=START), PAUSE, START + MINUTE)
    assert held is not None
    assert (held.waits_for, held.since, held.until) == (WaitsFor.DISABLED, START, None)
    assert status.value in held.cause
    assert not held.lets_try(START + timedelta(days=999))


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.DELETING])
def test_a_connection_that_marketo_refuses_is_tried_at_its_time(status: Status) -> None:
    held = hold_of(blocked(status=status), PAUSE, START)
    assert held == Hold(WaitsFor.BLOCKED, "no access", START, START + HOUR)
    assert not held.lets_try(START + HOUR - SECOND)
    assert held.lets_try(START + HOUR)


def test_a_connection_that_somebody_has_mended_is_tried_at_once() -> None:
    held = hold_of(blocked(retry_at=None), None, START)
    assert held is not None
    assert held.waits_for is WaitsFor.BLOCKED
    assert held.lets_try(START)


@pytest.mark.parametrize("status", [Status.ENABLED, Status.DELETING])
def test_the_instance_holds_up_until_its_pause_is_over(status: Status) -> None:
    one = connection(status=status)
    held = hold_of(one, PAUSE, PAUSE.until - SECOND)
    assert held == Hold(WaitsFor.PAUSED, "the quota is used up", START - MINUTE, PAUSE.until, PAUSE.code)
    assert hold_of(one, PAUSE, PAUSE.until) is None
    assert hold_of(one, None, START) is None


def test_all_that_holds_up_a_whole_connection_is_a_hold() -> None:
    assert {WaitsFor.DISABLED, WaitsFor.BLOCKED, WaitsFor.PAUSED} == HOLDS


# What waits


def test_the_oldest_that_waits_is_the_oldest_of_queue_and_bucket() -> None:
    queued = Waiting(START - HOUR, START + 3 * MINUTE)
    old, new = bundle(1, oldest_at=START - 2 * HOUR), bundle(2, oldest_at=START - MINUTE)
    one, waits = connection(), connection(waiting=queued)
    assert waiting_of(one, [], START) is None
    assert waiting_of(waits, [], START) == queued
    assert waiting_of(one, [new, old], START) == Waiting(START - 2 * HOUR, START)
    assert waiting_of(waits, [new], START) == Waiting(START - HOUR, queued.until)
    assert waiting_of(waits, [old], START) == Waiting(START - 2 * HOUR, queued.until)
    over = connection(waiting=Waiting(START - HOUR, START - MINUTE))
    assert waiting_of(over, [new], START) == Waiting(START - HOUR, START), "what is parked waits on"


def test_each_redrive_gives_an_event_as_long_again_as_long_as_its_marks_live() -> None:
    late = START + timedelta(days=365)
    begun = [waits_since(START, attempt, late) - START for attempt in range(5)]
    assert begun == [MAX_WAIT * times for times in (0, 1, 2, 2, 2)]
    assert waits_since(START, 99, late) + MAX_WAIT < START + timedelta(days=90)
    assert waits_since(START, 1, START + HOUR) == START + HOUR, "it does not wait from a time that is to come"


# What is sent back


def test_what_is_due_is_sent_back_in_its_order_and_nothing_else() -> None:
    bundles = [bundle(number, due_at=START + minutes * MINUTE) for number, minutes in enumerate((0, -9, 1, -3))]
    assert sent(bundles, connection(), START) == [bundles[1], bundles[3], bundles[0]]
    assert to_send_back(bundles[2:3], connection(), None, START) == ([], None)
    assert to_send_back([], connection(), None, START) == ([], None)


def test_what_is_told_to_come_at_once_comes_whenever_it_is_due() -> None:
    bundles = [bundle(number, due_at=START + number * HOUR) for number in range(3)]
    assert sent(bundles, connection(), START, at_once=True) == bundles


@pytest.mark.parametrize("at_once", [False, True])
def test_a_disabled_connection_gets_nothing_back(*, at_once: bool) -> None:
    one = connection(status=Status.DISABLED, held_since=START)
    assert sent([bundle()], one, START + HOUR, at_once=at_once) == []


def test_a_pause_is_waited_for_unless_somebody_says_it_is_over() -> None:
    bundles = [bundle(number) for number in range(3)]
    paused = hold_of(connection(), PAUSE, START)
    assert to_send_back(bundles, connection(), paused, START) == ([], None)
    assert to_send_back(bundles, connection(), paused, START, at_once=True)[0] == bundles


def test_while_marketo_refuses_one_bundle_is_the_attempt() -> None:
    bundles = [bundle(number, due_at=START + number * SECOND) for number in range(3)]
    assert sent(bundles, blocked(), START + HOUR - SECOND) == []
    assert sent(bundles, blocked(), START + HOUR) == bundles[:1]
    assert sent(bundles, blocked(), START + HOUR, at_once=True) == bundles
    assert timedelta(minutes=15) == RETRY_BLOCKED


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("one", [connection(status=Status.DISABLED), blocked(retry_at=START + 9999 * HOUR)])
def test_what_has_waited_too_long_comes_back_whatever_holds_it_up(one: Connection, *, at_once: bool) -> None:
    old = bundle(1, oldest_at=START - MAX_WAIT, due_at=START + HOUR)
    young = bundle(2, oldest_at=START - MAX_WAIT + SECOND)
    assert old in sent([young, old], one, START, at_once=at_once)
    if one.status is Status.DISABLED or not at_once:
        assert young not in sent([young, old], one, START, at_once=at_once)


def test_what_waits_too_long_for_people_whom_marketo_refuses_comes_back_when_it_is_due() -> None:
    """Nothing holds the connection up: it is tried once more at its time, which is hours at most."""
    old = bundle(1, waits_for=WaitsFor.REFUSED, oldest_at=START - MAX_WAIT, due_at=START - MINUTE)
    assert sent([old], connection(), START) == [old]


def test_what_was_sent_back_is_not_sent_again_within_an_hour_and_then_is() -> None:
    bundles = [bundle(number, due_at=START - 10 * MINUTE) for number in range(3)]
    first, mark = to_send_back(bundles, connection(), None, START)
    assert first == bundles
    assert mark is not None
    resumed = connection(resumed_at=mark.at, resumed_up_to=mark.up_to)
    for minutes in (5, 30, 55):
        assert sent(bundles, resumed, START + minutes * MINUTE) == []
    assert sent(bundles, resumed, START + RESEND_AFTER) == bundles


def test_what_becomes_due_after_others_were_sent_back_is_sent_too_and_they_keep_their_hour() -> None:
    early, late = bundle(1, due_at=START - HOUR), bundle(2, due_at=START + 20 * MINUTE)
    _, mark = to_send_back([early, late], connection(), None, START)
    assert mark is not None
    resumed = connection(resumed_at=mark.at, resumed_up_to=mark.up_to)
    now, again = START + 25 * MINUTE, START + RESEND_AFTER
    second, mark = to_send_back([early, late], resumed, None, now)
    assert second == [late]
    assert mark is not None
    assert mark.at == START
    assert mark.up_to >= late.due_at
    resumed = connection(resumed_at=mark.at, resumed_up_to=mark.up_to)
    assert early in sent([early, late], resumed, again)


def test_a_bundle_that_was_named_before_the_listing_and_stored_after_it_is_not_forgotten() -> None:
    early, slow = bundle(1, due_at=START - HOUR), bundle(2, due_at=START - SECOND)
    _, mark = to_send_back([early], connection(), None, START)
    assert mark is not None
    assert slow in sent([early, slow], connection(resumed_at=mark.at, resumed_up_to=mark.up_to), START + 5 * MINUTE)


def test_what_was_told_to_come_at_once_is_told_again_though_it_was_sent_a_moment_ago() -> None:
    bundles = [bundle(number) for number in range(3)]
    _, mark = to_send_back(bundles, connection(), None, START, at_once=True)
    assert mark is not None
    resumed = connection(resumed_at=mark.at, resumed_up_to=mark.up_to)
    assert sent(bundles, resumed, START + MINUTE, at_once=True) == bundles


def portions(bundles: Sequence[Bundle], ticks: int) -> list[list[Bundle]]:
    """What is sent at one tick after the other, while nothing of it is settled."""
    one, found = connection(), []
    for tick in range(ticks):
        portion, mark = to_send_back(bundles, one, None, START + tick * 5 * MINUTE)
        found.append(portion)
        if mark is not None:
            one = replace(one, resumed_at=mark.at, resumed_up_to=mark.up_to)
    return found


def test_as_many_bundles_are_sent_at_a_time_as_can_be_delivered_until_the_next() -> None:
    bundles = [bundle(number, due_at=START - 24 * HOUR + number * SECOND) for number in range(2 * MAX_BUNDLES + 7)]
    first, second, third, fourth = portions(bundles, 4)
    assert (len(first), len(second), len(third), fourth) == (MAX_BUNDLES, MAX_BUNDLES, 7, [])
    assert [*first, *second, *third] == bundles


def test_as_many_events_are_sent_at_a_time_as_can_be_delivered_until_the_next() -> None:
    third = MAX_EVENTS // 3
    bundles = [bundle(number, events=third, due_at=START - HOUR + number * SECOND) for number in range(7)]
    assert [len(one) for one in portions(bundles, 4)] == [3, 3, 1, 0]


def test_bundles_that_are_due_at_the_same_second_stay_together() -> None:
    together = [bundle(number, due_at=START - HOUR) for number in range(MAX_BUNDLES + 20)]
    after = bundle(9999, due_at=START - HOUR + SECOND)
    first, second, third = portions([*together, after], 3)
    assert (len(first), second, third) == (len(together), [after], [])


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, MAX_EVENTS)), min_size=1, max_size=30),
    st.integers(0, 20),
)
def test_at_rest_every_bundle_that_is_due_was_sent(made: list[tuple[int, int]], seconds: int) -> None:
    """Whatever the portions are, none falls between two of them."""
    bundles = [
        bundle(number, due_at=START - HOUR + due * seconds * SECOND, events=events)
        for number, (due, events) in enumerate(made)
    ]
    found: set[Bundle] = set()
    for portion in portions(bundles, 11):  # All of them before the hour begins anew.
        found.update(portion)
    if len(bundles) <= 11:
        assert found == set(bundles)
    one, left = connection(), list(bundles)
    for tick in range(60):
        portion, mark = to_send_back(left, one, None, START + tick * 5 * MINUTE)
        left = [other for other in left if other not in portion]
        one = replace(one, resumed_at=mark.at, resumed_up_to=mark.up_to) if mark else one
    assert left == []


def test_a_resumption_says_up_to_when_it_goes() -> None:
    _, mark = to_send_back([bundle()], connection(), None, START)
    assert mark == Resumption(START, START - MINUTE)


def after_a_return_at_once(bundles: Sequence[Bundle], ticks: int) -> list[Bundle]:
    """What was sent of them by an operator's return, and by the ticks of the monitor after it."""
    found, mark = to_send_back(bundles, connection(), None, START, at_once=True)
    assert mark is not None
    one = connection(resumed_at=mark.at, resumed_up_to=mark.up_to)
    for tick in range(1, ticks + 1):
        portion, mark = to_send_back(bundles, one, None, START + tick * 5 * MINUTE)
        found += portion
        one = replace(one, resumed_at=mark.at, resumed_up_to=mark.up_to) if mark else one
    return found


def test_what_was_told_to_come_at_once_comes_portion_by_portion() -> None:
    bundles = [bundle(number, due_at=START - 3 * HOUR + number * SECOND) for number in range(MAX_BUNDLES + 100)]
    assert set(after_a_return_at_once(bundles, 1)) == set(bundles)
