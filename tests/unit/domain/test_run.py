"""A connection's hour: counters that add up."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import Waiting
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    MISSING_DEDUPE_VALUE,
    OUTSIDE_SCHEDULE,
    SUPERSEDED,
    Outcome,
    Reason,
    rejected,
)
from destination.domain.person import Desired, Person, Unit
from destination.domain.run import (
    RunStatus,
    Tally,
    hour_of,
    run_id,
    status_at,
    tally_ignored,
    tally_persons,
    tally_progress,
)
from destination.domain.schema import OPT_IN_KEPT, AttributeWarning
from destination.domain.settle import Progress, Settled
from testing.persons import (
    RUN,
    START,
    adding_up,
    audience,
    entered,
    in_audience,
    name_of,
    out_of_audience,
    row,
    unit,
)

A, B = audience("a"), audience("b")
LATER = "2026-11-21T11:00Z"


def saying(number: int, *, minute: float = 0, run: str = RUN, dropped: tuple[str, ...] = ()) -> Unit:
    """A unit that enters `a` and `b`."""
    return unit(number, *entered("a", "b", at=minute), at=minute, run=run, dropped=dropped)


def settled(
    outcome: Outcome, *units: Unit, aside: Mapping[int, Reason] | None = None, is_noted: bool = False
) -> Settled:
    person = adding_up(*units)
    set_aside = {units[number].origin: reason for number, reason in (aside or {}).items()}
    return Settled(replace(person, aside=set_aside), outcome, None, is_noted=is_noted)


def counted(*all_settled: Settled) -> defaultdict[str, Tally]:
    return tally_persons(all_settled, {"envelope-1": 1500}, name_of)


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
    end = hour_of(RUN) + timedelta(hours=1)
    assert status_at(RUN, end) is RunStatus.PROCESSING
    assert status_at(RUN, end + timedelta(minutes=5)) is RunStatus.COMPLETED


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
    assert status_at(RUN, until, waiting) is status
    assert status_at(RUN, until + timedelta(minutes=15), waiting) is RunStatus.COMPLETED


def test_every_event_takes_the_outcome_of_its_person_and_the_changes_count_once() -> None:
    outcome = Outcome(created=True, added=1, audiences={A: None, B: ALREADY_DELIVERED})
    tally = counted(settled(outcome, saying(0), saying(1, minute=1)))[RUN]
    assert tally.counts == Counter(received=2, activated=2, created=1, added=1, updated=0, removed=0, new=1)
    assert tally.audiences[A].counts == {"received": 2, "activated": 2}
    assert tally.audiences[B].counts == {"received": 2, "unchanged": 2}
    assert tally.audiences[B].reasons == {ALREADY_DELIVERED: 2}
    assert not tally.reasons


def test_an_event_that_was_overtaken_is_unchanged_in_all_its_audiences() -> None:
    units = saying(0), saying(1, minute=1)
    outcome = Outcome(updated=True, audiences={A: None, B: None})
    tally = counted(settled(outcome, *units, aside={0: SUPERSEDED}))[RUN]
    assert (tally.counts["activated"], tally.counts["unchanged"]) == (1, 1)
    assert tally.reasons == {SUPERSEDED: 1}
    assert tally.audiences[A].counts == {"received": 2, "activated": 1, "unchanged": 1}


def test_events_count_in_the_hour_of_their_receipt_and_changes_with_the_newest() -> None:
    earlier, later = saying(0, minute=5), saying(1, run=LATER, minute=65)
    tallies = counted(settled(Outcome(updated=True), later, earlier))
    assert {run: (one.counts["received"], one.counts["updated"]) for run, one in tallies.items()} == {
        RUN: (1, 0),
        LATER: (1, 1),
    }


def test_warnings_count_events_with_attributes_that_were_dropped() -> None:
    tally = counted(settled(Outcome(), saying(0, dropped=("company", "leadScore")), saying(1, minute=1)))[RUN]
    assert tally.counts["warnings"] == 1
    warned = replace(saying(0), warned=(AttributeWarning("unsubscribed", OPT_IN_KEPT),))
    assert counted(settled(Outcome(), warned))[RUN].counts["warnings"] == 1


def test_classes_add_up_to_received_in_all_and_per_audience() -> None:
    outcomes = [
        Outcome(updated=True, audiences={A: None, B: rejected("1004")}),
        Outcome(ALREADY_DELIVERED, audiences={A: ALREADY_DELIVERED}),
        Outcome(MISSING_DEDUPE_VALUE, audiences={A: MISSING_DEDUPE_VALUE, B: MISSING_DEDUPE_VALUE}),
        Outcome(rejected("1006"), audiences={A: rejected("1006"), B: rejected("1006")}),
    ]
    tally = tally_ignored(3)
    for number, outcome in enumerate(outcomes):
        tally = tally.plus(counted(settled(outcome, saying(number)))[RUN])
    for counts in (tally.counts, *(one.counts for one in tally.audiences.values())):
        assert counts["received"] == sum(counts[one] for one in ("activated", "unchanged", "excluded", "failed")) == 4
    assert tally.counts["ignored"] == 3


def test_an_event_that_was_set_aside_has_its_own_reason_in_all_its_audiences() -> None:
    outcome = Outcome(removed=1, audiences={A: None, B: None})
    tally = counted(settled(outcome, saying(0), saying(1, minute=1), aside={1: rejected("1006")}))[RUN]
    assert tally.reasons == {rejected("1006"): 1}
    assert tally.audiences[B].reasons == {rejected("1006"): 1}
    assert (tally.counts["left"], tally.counts["removed"]) == (1, 1), "the changes count all the same"


def desired(known: Mapping[AudienceKey, Desired], one: Unit) -> dict[AudienceKey, Reason]:
    """Why each membership of a unit was not new, where its person's outcome says nothing of it."""
    person = adding_up(one, row=row(desired=known))
    tally = counted(Settled(person, Outcome(updated=True), None))[RUN]
    return {audience: reason for audience, counters in tally.audiences.items() for reason in counters.reasons}


def test_a_membership_that_is_not_new_was_overtaken_or_said_before() -> None:
    one = unit(0, *entered("a", "b"), at=0, fields={"company": "New"})
    assert desired({A: out_of_audience(at=1), B: in_audience(at=0)}, one) == {A: SUPERSEDED, B: ALREADY_DELIVERED}


def test_a_membership_outside_its_schedule_counts_as_excluded_there_alone() -> None:
    one = unit(0, *entered("a"), unscheduled=entered("b"), dormant=entered("c"))
    tally = counted(settled(Outcome(added=1, audiences={A: None}), one))[RUN]
    assert (tally.counts["received"], tally.counts["activated"]) == (1, 1)
    assert tally.audiences.keys() == {A, B}
    assert (tally.audiences[A].counts["activated"], tally.audiences[B].reasons) == (1, {OUTSIDE_SCHEDULE: 1})


def test_a_creation_that_was_counted_before_is_not_counted_again() -> None:
    outcome = Outcome(created=True, added=1, audiences={A: None, B: None})
    counts = counted(settled(outcome, saying(0), is_noted=True))[RUN].counts
    assert (counts["activated"], counts["added"], counts["created"], counts["new"]) == (1, 1, 0, 0)


def test_of_several_events_of_a_new_person_the_newest_made_it() -> None:
    outcome = Outcome(created=True, audiences={A: None, B: None})
    earlier, later = saying(0, minute=5), saying(1, run=LATER, minute=65)
    tallies = counted(settled(outcome, later, earlier))
    assert {run: (one.counts["created"], one.counts["new"]) for run, one in tallies.items()} == {
        RUN: (0, 0),
        LATER: (1, 1),
    }


def test_what_was_answered_counts_with_the_newest_event_though_nobody_is_settled() -> None:
    person: Person = adding_up(saying(1, run=LATER, minute=65), saying(0))
    other = adding_up(saying(2))
    tallies = tally_progress(
        [
            Progress(person, row(), created=True),
            Progress(person, row(), added=2, removed=1),
            Progress(other, row(), updated=True),
        ]
    )
    assert {run: +one.counts for run, one in tallies.items()} == {
        LATER: Counter(created=1, new=1, added=2, removed=1),
        RUN: Counter(updated=1),
    }
