"""Consent given and withdrawn, in what is wanted of a person, planned, and remembered (docs/decisions/0011)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection, SyncType
from destination.domain.event import Membership, MembershipStatus
from destination.domain.matching import Lead
from destination.domain.outcome import ALREADY_DELIVERED, NO_CONSENT, PERSON_NOT_FOUND, Class, rejected
from destination.domain.person import Delivered, LedgerRow, Origin, Person, Unit, coalesce
from destination.domain.plan import Plan, Write, decide, needs_lookup
from destination.domain.schema import FieldValue
from destination.domain.settle import Answer, Answers, Settled, settle
from testing.world import START, audience, connection

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B, C = audience("a"), audience("b"), audience("c")
HOUR = timedelta(hours=1)
BEFORE = START - HOUR
LISTS = {A: Activation(A, "a", list_id=1001), B: Activation(B, "b", list_id=1002), C: Activation(C, "c", list_id=1003)}
SEVERAL = [Lead(3, "ada@example.org", BEFORE), Lead(5, "ada@example.org", START)]

ON_A = Delivered(REALIZED, BEFORE, 7, 1001)
OFF_B = Delivered(EXITED, BEFORE, 7)
PERHAPS_ON_C = Delivered(REALIZED, BEFORE)
"""An answer was lost, and so was the lead."""


def unit(
    number: int,
    *audiences: AudienceKey,
    consents: bool | None = False,
    ecid: str | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    dropped: tuple[str, ...] = (),
    at: datetime = START,
) -> Unit:
    origin = Origin("message-1", str(number), "2026-11-21T10:00Z")
    memberships = tuple(Membership(one, REALIZED, at) for one in audiences)
    return Unit(origin, at, "ada", f"Ada {number}", fields or {}, dropped, memberships, consents=consents, ecid=ecid)


def withdrawn(*audiences: AudienceKey) -> Person:
    return coalesce("ada", [unit(0, *audiences)], None)


def known(*, consents: bool | None = True, **fields: FieldValue) -> Person:
    return coalesce("ada", [unit(0, consents=consents, fields=fields)], None)


def row(**memberships: Delivered) -> LedgerRow:
    delivered = {audience(name): one for name, one in memberships.items()}
    return LedgerRow(7, BEFORE, "hash", BEFORE, BEFORE, delivered, consented_at=BEFORE)


def settled(plan: Plan, before: LedgerRow, lists: Mapping[AudienceKey, tuple[Answer, ...]]) -> Settled:
    return settle(ActiveConnection(connection(), LISTS), plan, Answers(None, lists), before, START)


# What is wanted


def test_who_withdraws_consent_says_nothing_else() -> None:
    units = [
        unit(0, A, ecid="1", dropped=("company",)),
        unit(1, B, ecid="2", at=BEFORE),
        unit(2, A),
    ]
    person = coalesce("ada", units, row(a=ON_A))
    assert (person.key, person.dedupe_value, person.consents) == ("ada", "Ada 2", False)
    assert (person.fields, person.at, person.memberships, person.dropped) == ({}, None, {}, frozenset())
    assert (person.units, person.superseded) == (tuple(units), frozenset())
    assert person.ecid == "2", "what else the person is known by, as the last to name it says"
    assert coalesce("ada", units[2:], None).ecid is None


@pytest.mark.parametrize("consents", [True, None])
def test_with_consent_or_where_none_is_asked_for_all_that_is_said_counts(consents: bool | None) -> None:
    units = [unit(0, A, consents=consents, fields={"company": "Engines"}, ecid="1"), unit(1, consents=consents)]
    person = coalesce("ada", units, None)
    assert (person.key, person.consents, person.ecid) == ("ada", consents, "1")
    assert (person.fields, set(person.memberships)) == ({"company": "Engines"}, {A})
    assert coalesce("ada", units[1:], None).ecid is None


# What is planned


@pytest.mark.parametrize(
    ("before", "looks_up"),
    [
        (None, False),
        (row(), False),
        (row(a=ON_A, b=OFF_B), False),
        (row(a=ON_A, c=PERHAPS_ON_C), True),
        (row(b=Delivered(EXITED, BEFORE)), False),
    ],
    ids=["unknown", "on no list", "the lead is known", "the lead is not known", "off the list"],
)
def test_a_withdrawal_is_looked_up_only_where_the_lead_on_a_list_is_not_known(
    before: LedgerRow | None, looks_up: bool
) -> None:
    assert needs_lookup(connection(), withdrawn(), before, START) is looks_up
    assert not needs_lookup(connection(sync_type=SyncType.PROFILE_ONLY), withdrawn(), before, START)


@pytest.mark.parametrize(
    ("matches", "remove"),
    [(None, {A: (7,)}), ([], {A: (7,)}), (SEVERAL, {A: (7,), C: (5,)})],
    ids=["not looked up", "nobody", "several"],
)
def test_a_withdrawal_takes_off_the_lead_that_was_put_on_else_the_one_that_matches(
    matches: list[Lead] | None, remove: Mapping[AudienceKey, tuple[int, ...]]
) -> None:
    before = row(a=ON_A, b=OFF_B, c=PERHAPS_ON_C)
    plan = decide(connection(), withdrawn(B), before, matches, START)
    assert plan == Plan(withdrawn(B), verdict=NO_CONSENT, remove=remove, looked_up=matches is not None)
    assert decide(connection(sync_type=SyncType.PROFILE_ONLY), withdrawn(), before, matches, START).remove == {}
    assert decide(connection(), withdrawn(A), None, matches, START).remove == {}


@pytest.mark.parametrize("before", [LedgerRow(consented_at=BEFORE), LedgerRow(withdrawn_at=BEFORE)], ids=str)
def test_who_is_known_by_a_consent_alone_is_looked_up_like_somebody_new(before: LedgerRow) -> None:
    of = connection()
    assert needs_lookup(of, known(), before, START)
    assert decide(of, known(), before, [], START).verdict is PERSON_NOT_FOUND


@pytest.mark.parametrize(
    "told", [{"lead_id": 7, "looked_up_at": BEFORE}, {"attributes_at": BEFORE}, {"memberships": {A: ON_A}}], ids=str
)
def test_who_is_known_by_more_than_a_consent_is_not_looked_up_for_nothing(told: dict[str, Any]) -> None:
    before = LedgerRow(consented_at=BEFORE, **told)
    assert not needs_lookup(connection(), known(), before, START)
    assert decide(connection(), known(), before, None, START).verdict is ALREADY_DELIVERED


# What is remembered


def test_who_withdrew_is_excluded_off_the_lists_and_the_row_forgets_them() -> None:
    before = row(a=ON_A, b=OFF_B, c=PERHAPS_ON_C)
    plan = decide(connection(), withdrawn(A, B), before, SEVERAL, START)
    one = settled(plan, before, {A: (Answer(7),), C: (Answer(5),)})
    assert (one.person, one.plan) == (plan.person, plan)
    assert (one.outcome.reason, one.outcome.removed, one.outcome.added) == (NO_CONSENT, 2, 0)
    assert one.outcome.outcome is Class.EXCLUDED
    assert one.outcome.audiences == {A: NO_CONSENT, B: NO_CONSENT}
    assert one.row == row(b=OFF_B)


def test_who_withdrew_and_was_on_no_list_after_all_is_excluded_all_the_same() -> None:
    before = row(c=PERHAPS_ON_C)
    one = settled(decide(connection(), withdrawn(), before, SEVERAL, START), before, {C: (Answer(5, "1015"),)})
    assert (one.outcome.reason, one.outcome.removed, one.row) == (NO_CONSENT, 0, row())


def test_a_list_that_does_not_let_go_fails_the_withdrawal_and_stays_remembered() -> None:
    before = row(a=ON_A, c=PERHAPS_ON_C)
    plan = decide(connection(), withdrawn(A, B, C), before, SEVERAL, START)
    one = settled(plan, before, {A: (Answer(7),), C: (Answer(5, "1003"),)})
    assert (one.outcome.reason, one.outcome.removed) == (rejected("1003"), 1)
    assert one.outcome.audiences == {A: NO_CONSENT, B: NO_CONSENT, C: rejected("1003")}
    assert one.row == row(c=PERHAPS_ON_C)


def test_the_times_of_consent_outlast_what_is_told() -> None:
    before = LedgerRow(7, BEFORE, consented_at=BEFORE, withdrawn_at=BEFORE - HOUR)
    plan = decide(connection(), known(company="Engines"), before, None, START)
    assert plan.write is Write.UPDATE
    one = settle(ActiveConnection(connection(), LISTS), plan, Answers(Answer(7)), before, START)
    assert one.row is not None
    assert (one.row.consented_at, one.row.withdrawn_at) == (BEFORE, BEFORE - HOUR)
