"""What the newest word on a person's consent leaves of its units."""

from dataclasses import replace

import pytest

from destination.domain.connection import Consent
from destination.domain.consent import consent_test
from destination.domain.event import MembershipStatus
from destination.domain.outcome import NO_CONSENT, SUPERSEDED
from destination.domain.person import LedgerRow, Person, Reach, Unit
from testing.persons import adding_up, audience, desired, entered, in_audience, left, on, row, said, unit, word

A, B = audience("a"), audience("b")


def saying(number: int, what: str) -> Unit:
    """A unit that was received as the one with this number; what it says is `yes` or `no`, with the minute of it."""
    consents, at = what.split()
    return unit(
        number, *entered("a", at=int(at)), at=int(at), received=100 + number, consents=consents == "yes", fields={}
    )


def given(*words: str, known: LedgerRow | None = None) -> Person:
    return adding_up(*(saying(number, one) for number, one in enumerate(words)), row=known)


# The newest word


@pytest.mark.parametrize(
    ("words", "exports", "aside"),
    [
        (["yes 1"], True, {}),
        (["no 1"], False, {}),
        (["no 2", "no 1"], False, {}),
        (["yes 1", "no 2"], False, {0: SUPERSEDED}),
        (["no 2", "yes 1"], False, {1: SUPERSEDED}),
        (["no 1", "yes 2"], True, {0: NO_CONSENT}),
        (["yes 3", "no 2", "yes 1"], True, {1: NO_CONSENT, 2: SUPERSEDED}),
        (["no 3", "yes 2", "no 1"], False, {1: SUPERSEDED}),
        (["yes 1", "no 1"], False, {0: SUPERSEDED}),
        (["no 1", "yes 1"], True, {0: NO_CONSENT}),
    ],
    ids=str,
)
def test_within_a_batch_time_decides_and_of_equal_times_the_receipt(
    words: list[str], *, exports: bool, aside: dict[int, object]
) -> None:
    person = given(*words)
    assert person.may_be_exported is exports
    assert {int(one.number): reason for one, reason in person.aside.items()} == aside


@pytest.mark.parametrize(
    ("what", "known", "exports", "aside"),
    [
        ("yes 1", word(given=False, at=2), False, SUPERSEDED),
        ("yes 2", word(given=False, at=2), True, None),
        ("yes 3", word(given=False, at=2), True, None),
        ("yes 1", word(given=True, at=2), True, None),
        ("no 1", word(given=True, at=2), True, NO_CONSENT),
        ("no 2", word(given=True, at=2), False, None),
        ("no 1", word(given=False, at=2), False, None),
        ("no 1", None, False, None),
        ("yes 1", None, True, None),
    ],
    ids=str,
)
def test_the_ledger_knows_the_newest_word(what: str, known: object, *, exports: bool, aside: object) -> None:
    person = given(what, known=replace(LedgerRow(), consent=known))  # type: ignore[arg-type]
    assert person.may_be_exported is exports
    assert list(person.aside.values()) == ([aside] if aside else [])


def test_the_newest_word_is_remembered_and_never_set_back() -> None:
    known = row(consent=word(given=True, at=4))
    assert given("no 3", "yes 2", known=known).consent == known.consent
    later = given("no 5", "yes 3", known=known).consent
    assert later is not None
    assert (later.is_given, later.said) == (False, said(5, received=100))


def test_without_a_rule_nobody_has_a_word_whatever_the_ledger_says() -> None:
    person = adding_up(unit(0, *entered("a")), row=row(consent=word(given=False, at=9)))
    assert (person.consent, person.may_be_exported, person.aside) == (None, True, {})


# What it leaves


def test_who_withdraws_is_told_nothing_and_what_is_desired_is_known() -> None:
    one = unit(0, *entered("b"), *left("a"), consents=False)
    person = adding_up(one, row=row())
    assert (person.may_be_exported, person.fields, person.aside) == (False, {}, {})
    assert person.desired == {
        A: desired(MembershipStatus.EXITED, 0),
        B: desired(MembershipStatus.REALIZED, 0),
    }


def test_who_gives_consent_again_is_where_they_are_desired_by_then() -> None:
    known = row(desired={A: in_audience(), B: in_audience()}, consent=word(given=False, at=-5))
    person = adding_up(unit(0, *left("b"), consents=True), row=known)
    assert person.may_be_exported
    assert {one for one, wanted in person.desired.items() if wanted.is_realized} == {A}


def test_consent_given_again_without_an_audience_concerns_whoever_is_in_one() -> None:
    known = row(consent=word(given=False, at=-5), applied=on("a"))
    again = unit(0, consents=True)
    person = adding_up(again, row=known)
    assert (person.units, person.ignored, person.may_be_exported) == ((again,), (), True)


@pytest.mark.parametrize(
    ("known", "reach", "is_ignored"),
    [
        (None, Reach(), True),
        (None, Reach(strangers=True), False),
        (None, Reach(every_profile=True), False),
        (LedgerRow(), Reach(), False),
    ],
    ids=["a stranger", "a stranger who may be on a list", "anybody", "known"],
)
def test_a_withdrawal_without_audiences_concerns_who_is_known_or_may_be_on_a_list(
    known: LedgerRow | None, reach: Reach, *, is_ignored: bool
) -> None:
    one = unit(0, consents=False)
    person = adding_up(one, row=known, reach=reach)
    assert (person.units, person.ignored) == (((), (one,)) if is_ignored else ((one,), ()))
    assert person.consent is not None, "so that what was said before it is known to be older"
    assert not person.consent.is_given


def test_a_withdrawal_that_names_audiences_outside_their_schedule_alone_is_a_withdrawal() -> None:
    one = unit(0, unscheduled=left("a"), consents=False)
    person = adding_up(one, row=row(desired={A: in_audience(at=-5)}))
    assert (person.units, person.aside, person.may_be_exported) == ((one,), {}, False)


# The rule


@pytest.mark.parametrize(
    ("value", "allowed", "is_allowed"),
    [
        ("y", ("y",), True),
        (" y ", ("y",), True),
        ("Y", ("y",), False),
        (["n", "y"], ("y",), True),
        ([], ("y",), False),
        (True, ("true",), True),
        (True, ("1",), True),
        (True, ("yes",), False),
        (False, ("true",), False),
        (False, ("0", "2"), True),
        (1, ("1",), True),
        (1, ("1.0",), True),
        (1.0, ("1",), True),
        (1, ("true",), False),
        (2, ("1", "02"), True),
        ("1.0", ("1",), False),
        ("true", ("1",), False),
        (None, ("None",), False),
        ("", ("y",), False),
        ({"val": "y"}, ("y",), False),
    ],
)
def test_a_value_is_allowed_however_it_is_written(value: object, allowed: tuple[str, ...], *, is_allowed: bool) -> None:
    has_consent = consent_test(Consent("consents.share", allowed))
    assert has_consent({"consents": {"share": value}}) is is_allowed


@pytest.mark.parametrize("profile", [{}, {"consents": None}, {"consents": "y"}, {"consents": ["y"]}])
def test_who_has_no_such_attribute_has_no_consent(profile: dict[str, object]) -> None:
    assert not consent_test(Consent("consents.share", ("y",)))(profile)


@pytest.mark.parametrize(("channel", "is_allowed"), [("email", True), ("phone", False)])
def test_consent_may_be_that_of_an_entry_of_an_array(channel: str, *, is_allowed: bool) -> None:
    has_consent = consent_test(Consent("consents[?channel=='email'].val", ("y",)))
    assert has_consent({"consents": [{"channel": "post", "val": "y"}, {"channel": channel, "val": "y"}]}) is is_allowed
