"""Verifications and what they have done so far: in memory as in the table."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from destination.delivery.extract_list import PART as EXTRACTED
from destination.delivery.verify_lists import PART, STANDS
from destination.delivery.verify_lists import Verifications as CarriedOn
from destination.domain.audience import AudienceKey, activation_id
from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.shard import digest_of, name_of
from destination.domain.verification import (
    AudienceCheck,
    Differences,
    LedgerReading,
    ListSize,
    Phase,
    Repair,
    Stand,
    Standing,
    Verification,
    VerificationStatus,
)
from destination.store.errors import StaleVersionError
from destination.store.verifications import Verifications
from testing.memory import MemoryVerifications

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
A, B = AudienceKey("ups", "a#1"), AudienceKey("crm", "ü")
VERIFICATION = Verification("20261121T100000000000Z-0a1b2c3d", "c-1", frozenset(Repair), NOW, 2, is_whole=True)
ANOTHER = replace(VERIFICATION, id="20261121T100000000001Z-0a1b2c3d")
DONE = AudienceCheck(
    audience=A,
    name="Spring",
    list_id=1001,
    list_name=None,
    phase=Phase.DONE,
    expected=9,
    found=8,
    in_doubt=1,
    missing=Differences(3, 1, (7, 8), after=8),
    leavers=Differences(2, 2),
    foreign=Differences(5, 0, (9,), after=9),
    waiting=Differences(4, 3, (10,), after=10),
    gone=6,
    unapplied={"LEAD_UNKNOWN": 2, "PERSON_NOT_FOUND": 1},
    cursor="next",
    parts=2,
    fill_at=NOW - timedelta(hours=1, microseconds=1),
    extract=LeadExtract(
        NOW,
        ExtractStage.READ,
        "e-1",
        ("id", "email"),
        reserved=5,
        attempts=1,
        look_at=NOW + timedelta(seconds=1),
        members_at=NOW + timedelta(microseconds=1),
    ),
)
PENDING = AudienceCheck(B, "Autumn", 1002, "Autumn", extract=LeadExtract(NOW).given_up("1029"))


class Watched(CarriedOn, Protocol):
    """With what the monitor reads of them."""

    def out_of_sync(
        self, connection_id: str, audiences: Callable[[], Collection[AudienceKey]]
    ) -> dict[AudienceKey, int] | None: ...
    def list_sizes(self, connection_id: str) -> dict[str, ListSize]: ...


@pytest.fixture(params=["memory", "table"])
def verifications(request: pytest.FixtureRequest) -> Watched:
    if request.param == "memory":
        return MemoryVerifications()
    return Verifications(request.getfixturevalue("stack").dynamodb, "RunsTable")


def begun(verifications: Watched, one: Verification = VERIFICATION) -> Verification:
    """As it is once it was requested."""
    if isinstance(verifications, Verifications):
        record: TransactWriteItemTypeDef = {
            "Put": {"TableName": "ConnectionsTable", "Item": {"pk": {"S": "audit"}, "sk": {"S": one.id}}}
        }
        verifications.create(one, (), verifications.last(one.connection_id), record)
    elif isinstance(verifications, MemoryVerifications):
        verifications.create(one, ())
    return one


def stand(lead_id: int, standing: Standing = Standing.ON, key: str = "ada@example.org") -> Stand:
    return Stand(lead_id, standing, name_of(key))


def left(verifications: Watched, *audiences: AudienceKey, connection_id: str = "c-1") -> int | None:
    found = verifications.out_of_sync(connection_id, lambda: audiences)
    return None if found is None else sum(found.values())


@pytest.mark.parametrize(
    "changed",
    [
        VERIFICATION,
        replace(VERIFICATION, status=VerificationStatus.RUNNING, position=1, started_at=NOW + timedelta(seconds=1)),
        replace(VERIFICATION, repair=frozenset(), is_whole=False).failed("1013", NOW + timedelta(hours=1)),
        replace(VERIFICATION, ledger=LedgerReading(False, "next", {0: 2, 10: 1}, {10: {"LEAD_UNKNOWN": 3}})),
        replace(VERIFICATION, ledger=LedgerReading(True, None, {1: 1}), repair=frozenset({Repair.LEAVERS})),
        replace(VERIFICATION, touched_at=NOW + timedelta(minutes=1), requeued_at=NOW + timedelta(microseconds=1)),
    ],
)
def test_a_verification_reads_as_it_was_written_last(verifications: Watched, changed: Verification) -> None:
    begun(verifications)
    stored = verifications.put(changed)
    assert stored == replace(changed, version=2)
    assert verifications.get("c-1", VERIFICATION.id) == stored
    again = verifications.put(replace(stored, position=2))
    assert verifications.get("c-1", VERIFICATION.id) == again == replace(changed, position=2, version=3)


def test_a_verification_is_of_one_connection(verifications: Watched) -> None:
    begun(verifications)
    assert verifications.get("c-2", VERIFICATION.id) is None
    assert verifications.get("c-1", ANOTHER.id) is None


def test_checks_read_in_the_order_of_their_numbers(verifications: Watched) -> None:
    one, another = begun(verifications), begun(verifications, ANOTHER)
    for number in (10, 2, 0):
        one = verifications.put_check(one, number, replace(PENDING, found=number))
    one = verifications.put_check(one, 2, DONE)
    verifications.put_check(another, 1, PENDING)
    assert verifications.checks(one) == [PENDING, DONE, replace(PENDING, found=10)]
    assert verifications.get("c-1", one.id) == one == replace(VERIFICATION, version=5)


def test_what_was_written_since_it_was_read_is_left_alone(verifications: Watched) -> None:
    """Cancelled, or carried on by somebody else."""
    read = begun(verifications)
    newer = verifications.put_check(read, 0, DONE)
    verifications.put_read(newer, 0, 0, [1])
    verifications.put_stands(newer, 0, 0, [stand(1)])
    writes: list[Callable[[], object]] = [
        lambda: verifications.put(replace(read, position=1)),
        lambda: verifications.put_check(read, 0, PENDING),
        lambda: verifications.put_read(read, 0, 0, [2]),
        lambda: verifications.put_stands(read, 0, 0, [stand(2)]),
        lambda: verifications.put(replace(ANOTHER, version=7)),
    ]
    for write in writes:
        with pytest.raises(StaleVersionError):
            write()
    assert verifications.get("c-1", read.id) == newer
    assert verifications.checks(newer) == [DONE]
    assert verifications.read(newer, 0) == {1}
    assert list(verifications.stands(newer, 0, 1)) == [stand(1)]
    assert verifications.get("c-1", ANOTHER.id) is None


def test_a_verification_without_checks_has_none(verifications: Watched) -> None:
    assert list(verifications.checks(VERIFICATION)) == []


def test_what_was_read_of_a_list_adds_up_part_by_part(verifications: Watched) -> None:
    begun(verifications)
    begun(verifications, ANOTHER)
    verifications.put_read(VERIFICATION, 0, 0, [1, 2, 2**40])
    verifications.put_read(VERIFICATION, 0, 1, [2, 3])
    verifications.put_read(VERIFICATION, 0, 1, [4])
    verifications.put_read(VERIFICATION, 1, 0, [5])
    verifications.put_read(ANOTHER, 0, 0, [6])
    assert verifications.read(VERIFICATION, 0) == {1, 2, 2**40, 4}
    assert verifications.read(VERIFICATION, 2) == set()


def test_a_part_has_room_for_as_many_as_are_read_at_once(verifications: Watched) -> None:
    begun(verifications)
    leads = range(2**31, 2**31 + 7 * PART, 7)
    verifications.put_read(VERIFICATION, 0, 0, leads)
    assert verifications.read(VERIFICATION, 0) == set(leads)


def test_of_leads_that_were_read_with_digests_these_are_known(verifications: Watched) -> None:
    begun(verifications)
    verifications.put_read(VERIFICATION, 0, 0, [1, 2, 3], [b"1" * 8, b"2" * 8, b"3" * 8])
    verifications.put_read(VERIFICATION, 0, 1, [4], [b"4" * 8])
    verifications.put_read(VERIFICATION, 0, 2, [5])
    verifications.put_read(VERIFICATION, 1, 0, [2], [b"9" * 8])
    assert verifications.read(VERIFICATION, 0) == {1, 2, 3, 4, 5}
    assert verifications.digests(VERIFICATION, 0, {2, 4, 5, 6}) == {2: b"2" * 8, 4: b"4" * 8}
    verifications.forget_read(VERIFICATION, 0)
    assert verifications.digests(VERIFICATION, 0, {2, 4}) == {}
    assert verifications.digests(VERIFICATION, 1, {2}) == {2: b"9" * 8}


def test_a_part_has_room_for_as_many_as_an_extract_has_with_digests(verifications: Watched) -> None:
    begun(verifications)
    leads = range(2**31, 2**31 + 7 * EXTRACTED, 7)
    digests = [digest_of(name_of(f"p{one}@example.org")) for one in leads]
    verifications.put_read(VERIFICATION, 0, 0, leads, digests)
    assert verifications.digests(VERIFICATION, 0, leads[-2:]) == dict(zip(leads[-2:], digests[-2:], strict=True))


def test_what_was_read_of_one_list_is_forgotten(verifications: Watched) -> None:
    begun(verifications)
    for number in (0, 1):
        verifications.put_read(VERIFICATION, number, 0, [number])
        verifications.put_read(VERIFICATION, number, 1, [number])
    verifications.forget_read(VERIFICATION, 0)
    verifications.forget_read(VERIFICATION, 2)
    assert [verifications.read(VERIFICATION, number) for number in (0, 1)] == [set(), {1}]


def test_what_the_ledger_says_of_leads_reads_part_by_part_in_its_order(verifications: Watched) -> None:
    begun(verifications)
    begun(verifications, ANOTHER)
    first = [stand(2**32 - 1), stand(1, Standing.OFF, "bob@example.org"), stand(1, Standing.DOUBT)]
    second = [stand(3, Standing.WAITING), stand(3, Standing.WAITING)]
    verifications.put_stands(VERIFICATION, 0, 0, first)
    verifications.put_stands(VERIFICATION, 0, 1, [stand(99)])
    verifications.put_stands(VERIFICATION, 0, 1, second)
    verifications.put_stands(VERIFICATION, 1, 0, [stand(5)])
    verifications.put_stands(ANOTHER, 0, 0, [stand(6)])
    assert list(verifications.stands(VERIFICATION, 0, 2)) == [*first, *second]
    assert list(verifications.stands(VERIFICATION, 0, 1)) == first
    assert list(verifications.stands(VERIFICATION, 0, 0)) == []
    assert list(verifications.stands(ANOTHER, 0, 1)) == [stand(6)]


def test_a_part_has_room_for_as_many_stands_as_are_kept_at_once(verifications: Watched) -> None:
    begun(verifications)
    stands = [stand(2**31 + number, Standing.WAITING, f"p{number}@example.org") for number in range(STANDS)]
    verifications.put_stands(VERIFICATION, 0, 0, stands)
    assert list(verifications.stands(VERIFICATION, 0, 1)) == stands


def test_what_the_ledger_said_is_forgotten_of_one_audience(verifications: Watched) -> None:
    begun(verifications)
    for number in (0, 1):
        for part in (0, 1):
            verifications.put_stands(VERIFICATION, number, part, [stand(part)])
    verifications.forget_stands(VERIFICATION, 0, 2)
    verifications.forget_stands(VERIFICATION, 0, 2)
    with pytest.raises(KeyError):
        list(verifications.stands(VERIFICATION, 0, 1))
    assert list(verifications.stands(VERIFICATION, 1, 2)) == [stand(0), stand(1)]


def test_what_is_forgotten_of_a_list_is_what_was_read_of_it_in_marketo(verifications: Watched) -> None:
    begun(verifications)
    verifications.put_read(VERIFICATION, 0, 0, [1])
    verifications.put_stands(VERIFICATION, 0, 0, [stand(1)])
    verifications.forget_read(VERIFICATION, 0)
    assert verifications.read(VERIFICATION, 0) == set()
    assert list(verifications.stands(VERIFICATION, 0, 1)) == [stand(1)]


def test_who_waits_or_was_put_there_by_others_is_not_out_of_place(verifications: Watched) -> None:
    given = Differences(4, 1)
    verifications.put_out_of_sync(VERIFICATION, [replace(PENDING, waiting=given, foreign=given, gone=3)])
    assert left(verifications, A, B) == 0
    verifications.put_out_of_sync(VERIFICATION, [replace(PENDING, missing=given, leavers=given)])
    assert left(verifications, A, B) == 6


def test_before_any_verification_nothing_is_known_of_what_is_out_of_place(verifications: Watched) -> None:
    assert left(verifications, A, B) is None
    verifications.put_out_of_sync(VERIFICATION, [])
    assert left(verifications, A, B) == 0


def test_what_was_left_out_of_place_is_known_by_connection_and_audience(verifications: Watched) -> None:
    verifications.put_out_of_sync(VERIFICATION, [DONE, replace(PENDING, missing=Differences(1))])
    assert (left(verifications, A, B), left(verifications, B)) == (3, 1)
    assert left(verifications, A, B, connection_id="c-2") is None
    verifications.put_out_of_sync(replace(VERIFICATION, connection_id="c-2"), [DONE])
    assert (left(verifications, A, B), left(verifications, A, connection_id="c-2")) == (3, 2)


def test_of_what_could_not_be_compared_is_known_what_was_known_before(verifications: Watched) -> None:
    verifications.put_out_of_sync(VERIFICATION, [DONE])
    not_compared = replace(DONE, missing=Differences(50), code="1013")
    verifications.put_out_of_sync(ANOTHER, [not_compared, replace(not_compared, audience=B)])
    assert left(verifications, A, B) == 2


def test_a_whole_verification_is_all_that_is_known_then_and_one_of_an_audience_is_not(verifications: Watched) -> None:
    verifications.put_out_of_sync(VERIFICATION, [DONE, replace(PENDING, missing=Differences(1))])
    verifications.put_out_of_sync(replace(ANOTHER, is_whole=False), [replace(DONE, missing=Differences())])
    assert (left(verifications, A, B), left(verifications, A)) == (1, 0)
    verifications.put_out_of_sync(ANOTHER, [DONE])
    assert left(verifications, A, B) == 2


def sizes(verifications: Watched, connection_id: str = "c-1") -> dict[str, tuple[int, int]]:
    """By the activation's id the list and how many are on it."""
    found = verifications.list_sizes(connection_id)
    assert {one.at for one in found.values()} <= {NOW}
    return {name: (one.list_id, one.people) for name, one in found.items()}


def test_the_sizes_of_lists_are_known_by_connection_and_audience(verifications: Watched) -> None:
    assert sizes(verifications) == {}
    verifications.put_list_sizes(VERIFICATION, [DONE, replace(PENDING, found=5, changed=-2)], NOW)
    assert sizes(verifications) == {activation_id(A): (DONE.list_id, DONE.found), activation_id(B): (1002, 3)}
    assert sizes(verifications, "c-2") == {}


def test_of_what_could_not_be_counted_the_size_is_known_that_was_known_before(verifications: Watched) -> None:
    verifications.put_list_sizes(VERIFICATION, [DONE, replace(PENDING, found=5)], NOW)
    verifications.put_list_sizes(ANOTHER, [replace(DONE, found=50, code="1013"), replace(PENDING, found=6)], NOW)
    assert sizes(verifications) == {activation_id(A): (DONE.list_id, DONE.found), activation_id(B): (1002, 6)}


def test_one_of_an_audience_leaves_the_sizes_of_the_others_and_a_whole_one_does_not(verifications: Watched) -> None:
    verifications.put_list_sizes(VERIFICATION, [DONE, replace(PENDING, found=5)], NOW)
    verifications.put_list_sizes(replace(ANOTHER, is_whole=False), [replace(DONE, found=7)], NOW)
    assert sizes(verifications) == {activation_id(A): (DONE.list_id, 7), activation_id(B): (1002, 5)}
    verifications.put_list_sizes(ANOTHER, [DONE], NOW)
    assert sizes(verifications) == {activation_id(A): (DONE.list_id, DONE.found)}
