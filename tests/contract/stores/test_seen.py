"""What was seen, kept by connection and day: in memory as in the table."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol

import pytest

from destination.domain.event import MembershipStatus
from destination.domain.seen import Seen, gather
from destination.store.errors import StaleVersionError
from destination.store.seen import SeenDays
from testing.aws import Aws
from testing.memory import MemorySeenDays
from testing.persons import event

TODAY = date(2026, 11, 21)
DAY = timedelta(days=1)
ONE = gather([event("ada@example.org", ("a", MembershipStatus.REALIZED))])
OTHER = gather([event(None, ("b", MembershipStatus.EXITED), größe=7)])


class Days(Protocol):
    def add(self, connection_id: str, day: date, seen: Seen, /) -> Seen: ...
    def between(self, connection_id: str, first: date, last: date, /) -> Sequence[Seen]: ...


@pytest.fixture(params=["memory", "table"])
def days(request: pytest.FixtureRequest) -> Days:
    if request.param == "memory":
        return MemorySeenDays()
    stack: Aws = request.getfixturevalue("stack")
    return SeenDays(stack.dynamodb, "RunsTable")


def test_what_is_added_comes_to_what_there_is(days: Days) -> None:
    assert days.add("c-1", TODAY, ONE) == ONE
    assert days.add("c-1", TODAY, OTHER) == ONE.plus(OTHER)
    assert days.add("c-1", TODAY, ONE) == ONE.plus(OTHER).plus(ONE)
    assert list(days.between("c-1", TODAY, TODAY)) == [ONE.plus(OTHER).plus(ONE)]


def test_days_and_connections_are_apart(days: Days) -> None:
    for connection_id, day, seen in (("c-1", TODAY, ONE), ("c-1", TODAY - DAY, OTHER), ("c-2", TODAY, OTHER)):
        days.add(connection_id, day, seen)
    assert list(days.between("c-1", TODAY - DAY, TODAY)) == [OTHER, ONE]
    assert list(days.between("c-1", TODAY - 7 * DAY, TODAY - DAY)) == [OTHER]
    assert list(days.between("c-2", TODAY - 7 * DAY, TODAY)) == [OTHER]
    assert list(days.between("c-3", TODAY - 7 * DAY, TODAY)) == []
    assert list(days.between("c-1", TODAY, TODAY - DAY)) == []


def test_a_day_ends_in_the_table_when_it_is_shown_no_more(stack: Aws) -> None:
    SeenDays(stack.dynamodb, "RunsTable").add("c-1", TODAY, ONE)
    [stored] = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    assert (stored["id"]["S"], int(stored["expires_at"]["N"])) == ("seen#2026-11-21", 1_795_824_000)  # 28 November


class Racing(SeenDays):
    """Between its reading and its writing others write, so many times."""

    def __init__(self, stack: Aws, times: int) -> None:
        super().__init__(stack.dynamodb, "RunsTable")
        self.others = SeenDays(stack.dynamodb, "RunsTable")
        self.times = times

    def _put(self, *args: Any) -> bool:
        if self.times:
            self.times -= 1
            self.others.add("c-1", TODAY, OTHER)
        return super()._put(*args)


def test_what_two_add_at_once_is_all_there(stack: Aws) -> None:
    racing = Racing(stack, times=2)
    assert racing.add("c-1", TODAY, ONE) == OTHER.plus(OTHER).plus(ONE)


def test_who_is_never_faster_gives_up(stack: Aws) -> None:
    racing = Racing(stack, times=99)
    with pytest.raises(StaleVersionError, match="2026-11-21"):
        racing.add("c-1", TODAY, ONE)
