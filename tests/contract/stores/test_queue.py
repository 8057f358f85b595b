"""The queue of messages: in memory as in SQS."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from destination.delivery.batch import Queue
from destination.queue import MAX_BATCH_ENTRIES, MAX_MESSAGE_BYTES, EventQueue, Message
from testing.aws import Aws
from testing.memory import MemoryQueue

MEBIBYTE = 1024 * 1024


class FilledQueue(Queue, Protocol):
    """With what fills it."""

    def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]: ...


class QueueStand(Protocol):
    @property
    def queue(self) -> FilledQueue: ...
    def received(self) -> list[Message]:
        """All messages that can be received now."""

    def invisible_for(self) -> dict[str, int]:
        """For how many seconds messages were invisible that were requeued, by their ids."""


@dataclass
class QueueInMemory:
    queue: MemoryQueue = field(default_factory=MemoryQueue)

    def received(self) -> list[Message]:
        return [one for one in self.queue.waiting.values() if not self.queue.invisible_for.get(one.id)]

    def invisible_for(self) -> dict[str, int]:
        return self.queue.invisible_for


@dataclass
class QueueInSqs:
    stack: Aws
    asked: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def queue(self) -> EventQueue:
        return EventQueue(self.stack.sqs, self.stack.queue_url)

    def received(self) -> list[Message]:
        found = [Message(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in self.stack.receive()]
        self.ids |= {one.receipt_handle: one.id for one in found}
        return found

    def invisible_for(self) -> dict[str, int]:
        entries = [entry for request in self.asked for entry in request["Entries"]]
        return {self.ids[entry["ReceiptHandle"]]: entry["VisibilityTimeout"] for entry in entries}

    def ask(self, params: dict[str, Any], **_: object) -> None:
        self.asked.append(params)


@pytest.fixture(params=["memory", "sqs"])
def stand(request: pytest.FixtureRequest) -> Iterator[QueueStand]:
    if request.param == "memory":
        yield QueueInMemory()
        return
    asked, stack = "provide-client-params.sqs.ChangeMessageVisibilityBatch", request.getfixturevalue("stack")
    in_sqs = QueueInSqs(stack)
    stack.sqs.meta.events.register(asked, in_sqs.ask)
    yield in_sqs
    stack.sqs.meta.events.unregister(asked, in_sqs.ask)


def test_what_is_sent_waits_once_each(stand: QueueStand) -> None:
    bodies = [f"body {number}" for number in range(2 * MAX_BATCH_ENTRIES + 3)]
    assert stand.queue.send("c-1", bodies) == []
    assert stand.queue.send("c-2", ["body 0"]) == []
    received = stand.received()
    assert sorted(one.body for one in received) == sorted([*bodies, "body 0"])
    assert len({one.id for one in received}) == len({one.receipt_handle for one in received}) == len(received)


def test_nothing_sent_is_nothing_that_waits(stand: QueueStand) -> None:
    assert stand.queue.send("c-1", []) == []
    assert stand.received() == []


def test_messages_of_any_size_are_stored(stand: QueueStand) -> None:
    bodies = ["x" * MAX_MESSAGE_BYTES] * 5
    assert stand.queue.send("c-1", bodies) == []
    assert [one.body for one in stand.received()] == bodies


def test_a_message_that_is_larger_than_sqs_takes_is_named_and_the_others_are_stored(stand: QueueStand) -> None:
    fits, too_large = "x" * MEBIBYTE, "x" * (MEBIBYTE + 1)
    assert stand.queue.send("c-1", ["first", too_large, fits]) == [1]
    assert sorted((one.body for one in stand.received()), key=len) == ["first", fits]


def test_a_message_given_back_for_no_time_keeps_its_id_and_is_received_again(stand: QueueStand) -> None:
    stand.queue.send("c-1", ["first", "second"])
    received = stand.received()
    stand.queue.requeue(received, 0)
    assert {(one.id, one.body) for one in stand.received()} == {(one.id, one.body) for one in received}


def test_a_message_requeued_for_a_time_is_invisible_and_the_others_are_not(stand: QueueStand) -> None:
    stand.queue.send("c-1", [f"body {number}" for number in range(13)])
    first, *others = stand.received()
    stand.queue.requeue(others, 60)
    stand.queue.requeue([first], 0)
    assert [one.id for one in stand.received()] == [first.id]
    assert stand.invisible_for() == {first.id: 0, **{one.id: 60 for one in others}}


@pytest.mark.parametrize(("seconds", "invisible"), [(-5, 0), (43_200, 43_200), (90_000, 43_200)])
def test_a_message_is_invisible_for_as_long_as_sqs_can(stand: QueueStand, seconds: int, invisible: int) -> None:
    stand.queue.send("c-1", ["body"])
    (message,) = stand.received()
    stand.queue.requeue([message], seconds)
    assert stand.invisible_for() == {message.id: invisible}
    assert len(stand.received()) == (invisible == 0)
