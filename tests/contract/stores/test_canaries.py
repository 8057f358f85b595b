"""The canary of an instance: in memory as in the table."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from destination.domain.audit import AuditAction, AuditRecord
from destination.domain.canary import MAX_DURATION, Canary, Question
from destination.domain.capabilities import Capabilities
from destination.store.audit import Audit
from destination.store.canaries import Canaries
from destination.store.connections import Connections
from destination.store.errors import NotFoundError, StaleVersionError
from testing.aws import Aws
from testing.memory import MemoryCanaries
from testing.persons import MUNCHKIN, START, connection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

MINUTE = timedelta(minutes=1)
CANARY = Canary(
    "0123abcd",
    "connection-1",
    MUNCHKIN,
    1001,
    requested_at=START,
    begun_at=START,
    email="canary@example.org",
    question=Question.KEEPS_BLANK,
    batch_id=7,
    lead_id=3,
    answers=Capabilities(joins_by_id=True, creates_on_list=False),
    held_up="1016",
    left=(3, 5),
)
OTHER = replace(CANARY, id="4567abcd", requested_at=START + MINUTE)


class Store(Protocol):
    def create(self, canary: Canary, /) -> None: ...
    def last(self, munchkin_id: str, /) -> Canary | None: ...
    def take(self, canary: Canary, now: datetime, until: datetime, /) -> Canary | None: ...
    def put(self, canary: Canary, /) -> Canary: ...


class InTable(Canaries):
    """With a new audit record for each that begins."""

    def __init__(self, stack: Aws) -> None:
        super().__init__(stack.dynamodb, "ConnectionsTable")
        self.audit = Audit(stack.dynamodb, "ConnectionsTable")
        made = Connections(stack.dynamodb, "ConnectionsTable")
        made.create(connection(), "0f", self._record("record-0"))
        self.made = 0

    def _record(self, name: str) -> "TransactWriteItemTypeDef":
        return self.audit.put(AuditRecord(name, START, "ada", AuditAction.SEND_CANARY, "connection-1"))

    def create(self, canary: Canary, record: "TransactWriteItemTypeDef | None" = None) -> None:
        self.made += 1
        super().create(canary, record or self._record(f"record-{self.made}"))


@pytest.fixture(params=["memory", "table"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemoryCanaries() if request.param == "memory" else InTable(request.getfixturevalue("stack"))


def test_what_is_kept_of_one_is_read_again(store: Store) -> None:
    assert store.last(MUNCHKIN) is None
    store.create(CANARY)
    assert store.last(MUNCHKIN) == CANARY
    assert store.last("999-ZZZ-999") is None


def test_another_one_begins_only_when_the_last_is_at_its_end(store: Store) -> None:
    store.create(CANARY)
    with pytest.raises(StaleVersionError):
        store.create(OTHER)
    assert store.last(MUNCHKIN) == CANARY
    finished = store.put(CANARY.finished([5], START + MINUTE))
    assert (finished.left, finished.email) == ((5,), None)
    assert store.last(MUNCHKIN) == finished
    store.create(OTHER)
    assert store.last(MUNCHKIN) == OTHER


def test_one_that_takes_too_long_keeps_no_other_from_beginning(store: Store) -> None:
    store.create(CANARY)
    late = replace(OTHER, requested_at=START + MAX_DURATION)
    store.create(late)
    assert store.last(MUNCHKIN) == late


@pytest.mark.parametrize("later", [timedelta(0), MINUTE - timedelta(seconds=1)])
def test_two_never_take_a_step_at_once(store: Store, later: timedelta) -> None:
    store.create(CANARY)
    taken = store.take(CANARY, START, START + MINUTE)
    assert taken is not None
    assert store.last(MUNCHKIN) == taken == replace(CANARY, version=2, busy_until=START + MINUTE)
    assert store.take(CANARY, START + later, START + 2 * MINUTE) is None, "it is another since"
    assert store.take(taken, START + later, START + 2 * MINUTE) is None, "somebody takes a step"


def test_a_step_that_broke_off_is_taken_by_another(store: Store) -> None:
    store.create(CANARY)
    broken = store.take(CANARY, START, START + MINUTE)
    assert broken is not None
    again = store.take(broken, START + MINUTE, START + 2 * MINUTE)
    assert again is not None
    store.put(broken.answered(True, START))
    assert store.last(MUNCHKIN) == again, "whose step took too long stores nothing"
    after = store.put(again.answered(False, START))
    assert store.last(MUNCHKIN) == after
    assert (after.answers.keeps_blank, after.busy_until, after.version) == (False, None, 4)
    assert store.take(after, START, START + MINUTE) is not None


def test_the_table_refuses_one_of_a_connection_that_is_gone(stack: Aws) -> None:
    with pytest.raises(NotFoundError):
        InTable(stack).create(replace(CANARY, connection_id="connection-2"))
