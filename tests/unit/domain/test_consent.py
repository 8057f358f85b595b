"""What the newest word on a person's consent leaves of its units."""

from datetime import datetime, timedelta

import pytest

from destination.domain.connection import Scope
from destination.domain.consent import Sifted, sift
from destination.domain.event import Membership, MembershipStatus
from destination.domain.person import LedgerRow, Origin, Unit
from testing.world import START, audience

ADA = "ada@example.org"


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def unit(number: int, word: str, *, named: bool = True) -> Unit:
    """A unit that was received as the one with this number; the word is `yes` or `no`, with the minute it was said."""
    consents, at = word.startswith("yes"), minute(int(word.split()[1]))
    memberships = (Membership(audience("a"), MembershipStatus.REALIZED, at),) if named else ()
    return Unit(Origin("message-1", str(number), "r"), at, ADA, ADA, {}, (), memberships, consents=consents)


def sifted(words: list[str], row: LedgerRow | None = None) -> Sifted:
    units = [unit(number, word) for number, word in enumerate(words)]
    return sift({ADA: units}, {} if row is None else {ADA: row}, Scope.ACTIVATED_AUDIENCES)


@pytest.mark.parametrize(
    ("words", "counting", "aside"),
    [
        (["yes 1"], ["0"], {}),
        (["no 1"], ["0"], {}),
        (["yes 2", "yes 1"], ["0", "1"], {}),
        (["no 2", "no 1"], ["0", "1"], {}),
        (["yes 1", "no 2"], ["1"], {"0": "SUPERSEDED"}),
        (["no 2", "yes 1"], ["0"], {"1": "SUPERSEDED"}),
        (["no 1", "yes 2"], ["1"], {"0": "NO_CONSENT"}),
        (["yes 3", "no 2", "yes 1"], ["0"], {"1": "NO_CONSENT", "2": "SUPERSEDED"}),
        (["no 3", "yes 2", "no 1"], ["0"], {"1": "SUPERSEDED", "2": "NO_CONSENT"}),
        (["yes 1", "no 1"], ["1"], {"0": "SUPERSEDED"}),
        (["no 1", "yes 1"], ["1"], {"0": "NO_CONSENT"}),
    ],
    ids=str,
)
def test_within_a_batch_time_decides_and_of_equal_times_the_receipt(
    words: list[str], counting: list[str], aside: dict[str, str]
) -> None:
    result = sifted(words)
    assert [one.origin.number for one in result.persons[ADA]] == counting
    assert {one.origin.number: reason.code for one, reason in result.aside} == aside


@pytest.mark.parametrize(
    ("word", "row", "aside"),
    [
        ("yes 1", LedgerRow(withdrawn_at=minute(2)), "SUPERSEDED"),
        ("yes 1", LedgerRow(withdrawn_at=minute(2), consented_at=minute(3)), "SUPERSEDED"),
        ("yes 2", LedgerRow(withdrawn_at=minute(2)), None),
        ("yes 1", LedgerRow(consented_at=minute(2)), None),
        ("no 1", LedgerRow(consented_at=minute(2)), "NO_CONSENT"),
        ("no 2", LedgerRow(consented_at=minute(2)), None),
        ("no 1", LedgerRow(withdrawn_at=minute(2)), None),
    ],
    ids=str,
)
def test_the_ledger_remembers_the_newest_of_both(word: str, row: LedgerRow, aside: str | None) -> None:
    result = sifted([word], row)
    assert [reason.code for _, reason in result.aside] == ([aside] if aside else [])
    assert (ADA in result.persons) == (aside is None)


def test_the_row_is_brought_up_to_date_and_never_set_back() -> None:
    row = LedgerRow(lead_id=7, consented_at=minute(1), withdrawn_at=minute(4))
    assert sifted(["yes 6", "no 5"], row).rows == {
        ADA: LedgerRow(lead_id=7, consented_at=minute(6), withdrawn_at=minute(5))
    }
    assert sifted(["no 3"], row).rows == {ADA: row}


@pytest.mark.parametrize(
    ("named", "known", "scope", "is_ignored"),
    [
        (False, False, Scope.ACTIVATED_AUDIENCES, True),
        (False, True, Scope.ACTIVATED_AUDIENCES, False),
        (False, False, Scope.ALL_PROFILES, False),
        (True, False, Scope.ACTIVATED_AUDIENCES, False),
    ],
)
def test_a_withdrawal_concerns_who_is_known_or_named(
    *, named: bool, known: bool, scope: Scope, is_ignored: bool
) -> None:
    withdrawal = unit(0, "no 1", named=named)
    result = sift({ADA: [withdrawal]}, {ADA: LedgerRow()} if known else {}, scope)
    assert result.ignored == ([withdrawal] if is_ignored else [])
    assert result.persons == ({} if is_ignored else {ADA: [withdrawal]})
