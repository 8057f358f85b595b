"""What was counted as failed, and how it is taken back."""

from collections import Counter
from dataclasses import replace

import pytest

from destination.domain.event import Membership, MembershipStatus
from destination.domain.failure import Failure, failures_of, left_to_count
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    OTHER,
    OUTSIDE_SCHEDULE,
    SUPERSEDED,
    Class,
    Outcome,
    Reason,
    rejected,
)
from destination.domain.person import Origin, Person, Unit
from destination.domain.run import MAX_DROPPED, MAX_REASONS, Tally, tally_persons
from destination.domain.schema import OPT_IN_KEPT, AttributeWarning
from destination.domain.settle import Settled
from testing.world import START, audience, name_of

A, B, C = audience("a"), audience("b"), audience("c")
HOUR = "2026-11-21T10:00Z"
REFUSED, OTHER_FAILED = rejected("1006"), Reason(Class.FAILED, OTHER)


def membership(name: str) -> Membership:
    return Membership(audience(name), MembershipStatus.REALIZED, START)


UNIT = Unit(Origin("e-1", "0", HOUR), START, "ada", "ada", {}, ("company",), (membership("a"), membership("b")))


def settled(outcome: Outcome, *units: Unit, superseded: tuple[Unit, ...] = ()) -> Settled:
    aside = {one.origin: SUPERSEDED for one in superseded}
    person = Person("ada", "ada", {}, None, {}, frozenset(), units, aside=aside)
    return Settled(person, outcome, None)


def tally_of(one: Settled) -> Tally:
    return tally_persons([one], {"e-1": 1500}, name_of)[HOUR]


FAILED = settled(Outcome(REFUSED, audiences={A: REFUSED, B: ALREADY_DELIVERED}), UNIT)


def test_what_failed_and_was_taken_back_leaves_nothing() -> None:
    one = settled(FAILED.outcome, replace(UNIT, unscheduled=(membership("c"),)))
    ((origin, failure),) = failures_of(one, {}, tally_of)
    assert origin == UNIT.origin
    assert failure == Failure(REFUSED, {A: REFUSED, B: ALREADY_DELIVERED, C: OUTSIDE_SCHEDULE}, ("company",))
    left = tally_of(one).plus(failure.taken_back())
    assert left == Tally(Counter(), audiences=left.audiences)
    assert left.audiences == {}


def test_what_was_warned_of_is_taken_back_too() -> None:
    warned = (AttributeWarning("unsubscribed", OPT_IN_KEPT),)
    one = settled(FAILED.outcome, replace(UNIT, dropped=(), warned=warned))
    ((_, failure),) = failures_of(one, {}, tally_of)
    assert failure is not None
    assert (failure.warned, tally_of(one).warned) == (warned, Counter(warned))
    left = tally_of(one).plus(failure.taken_back())
    assert (left.counts, left.warned) == (Counter(), Counter())


def test_it_does_not_matter_which_comes_first() -> None:
    ((_, failure),) = failures_of(FAILED, {}, tally_of)
    assert failure is not None
    assert failure.taken_back().plus(tally_of(FAILED)).audiences == {}
    assert failure.taken_back().plus(tally_of(FAILED)).counts == Counter()


def test_what_was_taken_back_of_others_leaves_the_others() -> None:
    ((_, failure),) = failures_of(FAILED, {}, tally_of)
    assert failure is not None
    twice = tally_of(FAILED).plus(tally_of(FAILED))
    assert twice.plus(failure.taken_back()) == tally_of(FAILED)


def test_nobody_fails_who_was_overtaken_or_delivered() -> None:
    other = replace(UNIT, origin=Origin("e-1", "1", HOUR))
    assert list(failures_of(settled(FAILED.outcome, UNIT, superseded=(UNIT,)), {}, tally_of)) == []
    assert list(failures_of(settled(Outcome(), UNIT), {}, tally_of)) == []
    known = {UNIT.origin: Failure(REFUSED)}
    assert list(failures_of(settled(Outcome(), UNIT, other), known, tally_of)) == [(UNIT.origin, None)]
    overtaken = settled(FAILED.outcome, UNIT, superseded=(UNIT,))
    assert list(failures_of(overtaken, known, tally_of)) == [(UNIT.origin, None)]


def test_of_what_failed_again_stays_counted_what_was_activated() -> None:
    before = {UNIT.origin: Failure(REFUSED, {A: None, B: REFUSED})}
    person = left_to_count(FAILED.person, before)
    assert person.units == (replace(UNIT, memberships=(membership("b"),)),)
    ((_, failure),) = failures_of(replace(FAILED, person=person), before, tally_of)
    assert failure == Failure(REFUSED, {A: None, B: ALREADY_DELIVERED}, ("company",))


def test_who_never_failed_is_counted_as_a_whole() -> None:
    assert left_to_count(FAILED.person, {}) is FAILED.person


def test_what_was_counted_as_other_is_taken_back_from_others() -> None:
    run = Tally()
    for code in range(MAX_REASONS + 2):
        run = run.plus(Tally(Counter(failed=1), Counter({rejected(f"{code:04}"): 1})))
    assert run.reasons[OTHER_FAILED] == 2
    last = rejected(f"{MAX_REASONS + 1:04}")
    once = run.plus(Failure(last).taken_back())
    assert once.reasons[OTHER_FAILED] == 1
    assert once.reasons.total() == MAX_REASONS + 1
    room = once.plus(Failure(rejected("0000")).taken_back()).plus(Failure(rejected("0001")).taken_back())
    assert rejected("0000") not in room.reasons
    assert OTHER_FAILED not in room.plus(Failure(last).taken_back()).reasons


def test_fields_that_were_dropped_as_others_are_taken_back_from_others() -> None:
    run = Tally(dropped=Counter({f"field{number}": 1 for number in range(MAX_DROPPED)}))
    run = run.plus(Tally(dropped=Counter(company=2)))
    assert run.dropped[OTHER] == 2
    assert run.plus(Failure(REFUSED, dropped=("company",)).taken_back()).dropped[OTHER] == 1


def test_a_run_tells_so_many_warnings_and_counts_the_rest_by_their_code() -> None:
    run = Tally(warned=Counter({AttributeWarning(f"field{number}", OPT_IN_KEPT): 1 for number in range(MAX_DROPPED)}))
    run = run.plus(Tally(warned=Counter({AttributeWarning("doNotCall", OPT_IN_KEPT): 2})))
    assert run.warned[AttributeWarning(OTHER, OPT_IN_KEPT)] == 2


@pytest.mark.parametrize("reason", [REFUSED, rejected("1003")])
def test_what_is_counted_nowhere_yet_is_kept_below_zero(reason: Reason) -> None:
    """Its own count is in what it will be added to."""
    taken = Tally().plus(Failure(REFUSED, {A: reason}).taken_back())
    assert (taken.counts["failed"], taken.reasons) == (-1, {REFUSED: -1})
    assert (taken.audiences[A].counts["failed"], taken.audiences[A].reasons) == (-1, {reason: -1})


def test_an_example_goes_with_the_last_of_its_reason() -> None:
    run = tally_of(FAILED)
    assert run.examples == {REFUSED: name_of("ada")}
    ((_, failure),) = failures_of(FAILED, {}, tally_of)
    assert failure is not None
    assert run.plus(failure.taken_back()).examples == {}
    assert run.plus(run).plus(failure.taken_back()).examples == run.examples
