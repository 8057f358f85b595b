"""Whatever the order of arrival and the cut into batches: the newest wins, and every event is accounted for."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.audience import AudienceKey
from destination.domain.coalescing import coalesce
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import INVALID_ATTRIBUTE, SUPERSEDED, Reason
from destination.domain.person import Attributes, ConsentWord, Desired, LedgerRow, Origin, Person, Reach, Said, Unit
from destination.domain.schema import FieldValue
from destination.domain.settle import remembering
from testing.persons import RUN, START, audience

NAMES = ("firstName", "lastName", "company")
A, B, C = audience("a"), audience("b"), audience("c")
ACTIVE, KNOWN = (A, B), (A, B, C)
"""The audiences that are activated, and with one that was deactivated lately."""

TIMES = st.integers(0, 5).map(lambda number: START + timedelta(minutes=number))
REACHES = st.builds(Reach, st.just(ACTIVE), st.booleans(), st.booleans())
STATUSES = st.sampled_from(MembershipStatus)


FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, st.sampled_from([None, 0, 1])))
MEMBERSHIPS = st.fixed_dictionaries({}, optional=dict.fromkeys(KNOWN, st.tuples(STATUSES, TIMES)))
SAID = TIMES.map(lambda at: Said(at, START - timedelta(minutes=1)))
ROWS = st.none() | st.builds(
    LedgerRow,
    desired=st.fixed_dictionaries({}, optional=dict.fromkeys(KNOWN, st.builds(Desired, STATUSES, SAID, st.just(())))),
    attributes=st.none() | SAID.map(lambda said: Attributes("0f", said, START, 7)),
    consent=st.none() | st.builds(ConsentWord, st.booleans(), SAID),
)
SAYING = st.tuples(TIMES, FIELDS, MEMBERSHIPS, st.sampled_from([None, None, None, INVALID_ATTRIBUTE]), st.booleans())


def persons_units(*, consent: bool = False) -> st.SearchStrategy[list[Unit]]:
    """Events of one person, often said at the same time, and each received at a time of its own."""

    def units(sayings: list[tuple[Any, ...]]) -> list[Unit]:
        return [unit(number, *saying) for number, saying in enumerate(sayings)]

    def unit(
        number: int,
        at: datetime,
        fields: dict[str, FieldValue],
        statuses: dict[AudienceKey, tuple[MembershipStatus, datetime]],
        refusal: Reason | None,
        consents: bool,
    ) -> Unit:
        memberships = tuple(Membership(key, *told) for key, told in sorted(statuses.items()))
        return Unit(
            Origin("envelope-1", str(number), RUN),
            at,
            "ada",
            f"Ada {number}",
            fields if consents or not consent else {},
            (),
            tuple(one for one in memberships if one.audience in ACTIVE),
            refusal=refusal,
            dormant=tuple(one for one in memberships if one.audience not in ACTIVE),
            consents=consents if consent else None,
            received_at=START + timedelta(seconds=number),
        )

    return st.lists(SAYING, min_size=1, max_size=4).map(units)


def all_of(unit: Unit) -> tuple[Membership, ...]:
    return (*unit.memberships, *unit.dormant)


@given(persons_units(consent=True), ROWS, REACHES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    units: list[Unit], row: LedgerRow | None, reach: Reach, chance: random.Random
) -> None:
    shuffled = sorted(units, key=lambda _: chance.random())
    assert coalesce("ada", shuffled, row, reach) == coalesce("ada", units, row, reach)


@given(persons_units(), ROWS, REACHES)
def test_what_is_desired_of_each_audience_is_what_was_said_last(
    units: list[Unit], row: LedgerRow | None, reach: Reach
) -> None:
    """Whatever becomes of the units, and whether they concern the connection."""
    person = coalesce("ada", units, row, reach)
    for audience_key in KNOWN:
        words = [
            Desired(one.status, Said(one.at, unit.received_at))
            for unit in units
            for one in all_of(unit)
            if one.audience == audience_key
        ]
        if row is not None and audience_key in row.desired:
            words.append(row.desired[audience_key])
        assert person.desired.get(audience_key) == max(words, key=lambda one: one.said, default=None)


def desired_after(batches: Sequence[Sequence[Unit]], row: LedgerRow | None, reach: Reach) -> LedgerRow | None:
    for batch in batches:
        row = remembering(coalesce("ada", batch, row, reach), row)
    return row


@given(persons_units(consent=True), ROWS, REACHES, st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_cut_into_batches_does_not_matter_for_what_is_desired(
    units: list[Unit], row: LedgerRow | None, reach: Reach, cut: int, chance: random.Random
) -> None:
    arrived = sorted(units, key=lambda _: chance.random())
    batches = [part for part in (arrived[:cut], arrived[cut:]) if part]
    assert desired_after(batches, row, reach) == desired_after([units], row, reach)
    assert desired_after([*batches, units], row, reach) == desired_after([units], row, reach), "and nor do repeats"


@given(persons_units(), ROWS, REACHES)
def test_of_each_field_the_newest_that_is_newer_than_what_was_sent_is_wanted(
    units: list[Unit], row: LedgerRow | None, reach: Reach
) -> None:
    person = coalesce("ada", units, row, reach)
    news = [one for one in counting(person) if is_news(one, row)]
    for name in NAMES:
        saying = [one for one in news if name in one.fields]
        assert (name in person.fields) == bool(saying)
        if saying:
            assert person.fields[name] == max(saying, key=lambda one: one.said).fields[name]
    assert person.said == max((one.said for one in news), default=None)


@given(persons_units(), ROWS, REACHES)
def test_the_new_memberships_are_those_desired_by_units_that_count(
    units: list[Unit], row: LedgerRow | None, reach: Reach
) -> None:
    person = coalesce("ada", units, row, reach)
    assert person.memberships.keys() <= set(ACTIVE)
    for audience_key in ACTIVE:
        saying = [
            one
            for unit in counting(person)
            for one in unit.memberships
            if one.audience == audience_key
            and person.desired[audience_key] == Desired(one.status, Said(one.at, unit.received_at))
            and (row is None or row.desired.get(audience_key) != person.desired[audience_key])
        ]
        assert person.memberships.get(audience_key) == (saying[0] if saying else None)


@given(persons_units(), ROWS, REACHES)
def test_a_unit_concerns_the_connection_by_its_audiences_or_by_the_persons(
    units: list[Unit], row: LedgerRow | None, reach: Reach
) -> None:
    person = coalesce("ada", units, row, reach)
    is_member = any(one.is_realized for key, one in person.desired.items() if key in ACTIVE)
    for unit in units:
        concerns = bool(unit.memberships) or is_member or reach.every_profile
        assert (unit in person.units, unit in person.ignored) == (concerns, not concerns)
    assert len(person.units) + len(person.ignored) == len(units)


@given(persons_units(), ROWS, REACHES)
def test_an_event_is_superseded_when_nothing_wanted_is_its_own(
    units: list[Unit], row: LedgerRow | None, reach: Reach
) -> None:
    person = coalesce("ada", units, row, reach)
    taking_part = [one for one in person.units if one.refusal is None]
    for unit in person.units:
        if unit.refusal is not None:
            assert person.aside[unit.origin] is unit.refusal
            continue
        newer = {name for one in taking_part if one.said > unit.said for name in one.fields}
        says = bool(unit.fields.keys() - newer) if is_news(unit, row) else False
        says |= any(person.memberships.get(one.audience) is one for one in unit.memberships)
        repeats = not (person.fields or person.memberships) and is_known(unit, row or LedgerRow())
        is_superseded = bool(unit.fields or unit.memberships) and not (says or repeats)
        assert person.aside.get(unit.origin) == (SUPERSEDED if is_superseded else None)


@given(persons_units(consent=True), ROWS, REACHES)
def test_without_consent_nothing_is_told_and_with_it_nothing_that_was_said_before_a_withdrawal(
    units: list[Unit], row: LedgerRow | None, reach: Reach
) -> None:
    person = coalesce("ada", units, row, reach)
    words = [ConsentWord(bool(one.consents), one.said) for one in units]
    if row is not None and row.consent is not None:
        words.append(row.consent)
    newest = max(words, key=lambda one: one.said)
    assert person.consent == newest
    assert person.may_be_exported is newest.is_given
    withdrawals = [one.said for one in words if not one.is_given and one is not (row and row.consent)]
    before = [one for one in person.units if one.consents and any(one.said < each for each in withdrawals)]
    assert all(one.origin in person.aside for one in before)
    if not person.may_be_exported:
        assert person.fields == {}


def counting(person: Person) -> list[Unit]:
    """The units that are refused for nothing."""
    return [one for one in person.units if one.refusal is None]


def is_news(unit: Unit, row: LedgerRow | None) -> bool:
    return row is None or row.attributes is None or unit.said > row.attributes.said


def is_known(unit: Unit, row: LedgerRow) -> bool:
    """Whether all that a unit says is in the row, with its very times."""
    old = unit.fields and row.attributes is not None and unit.said < row.attributes.said
    told = ((row.desired.get(one.audience), one) for one in unit.memberships)
    return not old and all(known == Desired(one.status, Said(one.at, unit.received_at)) for known, one in told)


@given(persons_units(consent=True), ROWS, REACHES)
def test_what_was_delivered_before_changes_nothing(units: list[Unit], row: LedgerRow | None, reach: Reach) -> None:
    person = coalesce("ada", units, row, reach)
    known = remembering(person, row) or LedgerRow()
    if person.said is not None:
        known = replace(known, attributes=Attributes(person.attributes_hash, person.said, START, 7))
    again = coalesce("ada", units, known, reach)
    assert (again.desired, again.consent) == (person.desired, person.consent)
    assert again.memberships == {}
