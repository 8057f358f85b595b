"""A connection's hour: counters that add up."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone

import pytest

from destination.domain.connection import Waiting
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    MISSING_DEDUPE_VALUE,
    SUPERSEDED,
    Outcome,
    rejected,
)
from destination.domain.person import Origin, Person, Unit
from destination.domain.run import (
    RunStatus,
    Tally,
    hour_of,
    run_id,
    status_at,
    tally_ignored,
    tally_persons,
)
from destination.domain.settle import Settled
from testing.world import START, audience, name_of

A, B = audience("a"), audience("b")
HOUR = "2026-11-21T10:00Z"


def unit(number: int, *, run: str = HOUR, dropped: tuple[str, ...] = (), minute: int = 0) -> Unit:
    at = START + timedelta(minutes=minute)
    memberships = tuple(Membership(key, MembershipStatus.REALIZED, at) for key in (A, B))
    return Unit(Origin("message-1", str(number), run), at, "ada", "ada", {}, dropped, memberships)


def settled(outcome: Outcome, *units: Unit, superseded: tuple[Unit, ...] = ()) -> Settled:
    person = Person("ada", "ada", {}, None, {}, frozenset(), units, frozenset(one.origin for one in superseded))
    return Settled(person, outcome, None)


def counted(*all_settled: Settled) -> defaultdict[str, Tally]:
    return tally_persons(all_settled, {"message-1": 1500}, name_of)


def test_a_run_is_named_by_its_hour_in_utc() -> None:
    eastern = timezone(timedelta(hours=-5, minutes=-30))
    assert run_id(datetime(2026, 11, 21, 10, 59, 59, 999999, tzinfo=UTC)) == "2026-11-21T10:00Z"
    assert run_id(datetime(2026, 11, 21, 23, 45, tzinfo=eastern)) == "2026-11-22T05:00Z"
    assert hour_of("2026-11-21T10:00Z") == datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "2026-11-21", "2026-11-21T10:30Z", "2026-11-21T24:00Z", "2026-11-21T10:00"])
def test_what_is_no_hours_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        hour_of(name)


def test_a_run_is_completed_when_its_last_deliveries_are_through() -> None:
    end = hour_of(HOUR) + timedelta(hours=1)
    assert status_at(HOUR, end) is RunStatus.PROCESSING
    assert status_at(HOUR, end + timedelta(minutes=5)) is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (timedelta(hours=-3), RunStatus.PROCESSING),
        (timedelta(minutes=59), RunStatus.PROCESSING),
        (timedelta(hours=1), RunStatus.COMPLETED),
    ],
)
def test_a_run_is_processing_while_events_of_it_may_wait(since: timedelta, status: RunStatus) -> None:
    until = START + timedelta(hours=5)
    waiting = Waiting(START + since, until)
    assert status_at(HOUR, until, waiting) is status
    assert status_at(HOUR, until + timedelta(minutes=15), waiting) is RunStatus.COMPLETED


def test_every_event_takes_the_outcome_of_its_person_and_the_changes_count_once() -> None:
    outcome = Outcome(created=True, added=1, audiences={A: None, B: ALREADY_DELIVERED})
    tally = counted(settled(outcome, unit(0), unit(1, minute=1)))[HOUR]
    assert tally.counts == Counter(received=2, activated=2, created=1, added=1, updated=0, removed=0, new=1)
    assert tally.audiences[A].counts == {"received": 2, "activated": 2}
    assert tally.audiences[B].counts == {"received": 2, "unchanged": 2}
    assert tally.audiences[B].reasons == {ALREADY_DELIVERED: 2}
    assert not tally.reasons


def test_an_event_that_was_overtaken_is_unchanged_in_all_its_audiences() -> None:
    units = unit(0), unit(1, minute=1)
    outcome = Outcome(updated=True, audiences={A: None, B: None})
    tally = counted(settled(outcome, *units, superseded=units[:1]))[HOUR]
    assert (tally.counts["activated"], tally.counts["unchanged"]) == (1, 1)
    assert tally.reasons == {SUPERSEDED: 1}
    assert tally.audiences[A].counts == {"received": 2, "activated": 1, "unchanged": 1}


def test_events_count_in_the_hour_of_their_receipt_and_changes_with_the_newest() -> None:
    earlier, later = unit(0, minute=5), unit(1, run="2026-11-21T11:00Z", minute=65)
    tallies = counted(settled(Outcome(updated=True), later, earlier))
    assert {run: (one.counts["received"], one.counts["updated"]) for run, one in tallies.items()} == {
        HOUR: (1, 0),
        "2026-11-21T11:00Z": (1, 1),
    }


def test_warnings_count_events_with_attributes_that_were_dropped() -> None:
    tally = counted(settled(Outcome(), unit(0, dropped=("company", "leadScore")), unit(1)))[HOUR]
    assert tally.counts["warnings"] == 1


def test_classes_add_up_to_received_in_all_and_per_audience() -> None:
    outcomes = [
        Outcome(updated=True, audiences={A: None, B: rejected("1004")}),
        Outcome(ALREADY_DELIVERED, audiences={A: ALREADY_DELIVERED}),
        Outcome(MISSING_DEDUPE_VALUE, audiences={A: MISSING_DEDUPE_VALUE, B: MISSING_DEDUPE_VALUE}),
        Outcome(rejected("1006"), audiences={A: rejected("1006"), B: rejected("1006")}),
    ]
    tally = tally_ignored(3)
    for number, outcome in enumerate(outcomes):
        tally = tally.plus(counted(settled(outcome, unit(number)))[HOUR])
    for counts in (tally.counts, *(one.counts for one in tally.audiences.values())):
        assert counts["received"] == sum(counts[one] for one in ("activated", "unchanged", "excluded", "failed")) == 4
    assert tally.counts["ignored"] == 3
