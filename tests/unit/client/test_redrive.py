"""Redrive: nothing is lost wherever it ends, and nothing is moved twice that came back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from mypy_boto3_sqs import SQSClient

from destination.queue import EventQueue
from destination_client.redrive import Letters, Moved, Taken, move

BODY = '{"v": 1, "id": "e", "connection_id": "one", "received_at": "2026-11-21T10:00:00Z","first":0,"events":[%d]}'


class StoppedError(Exception):
    """The command was ended here."""


@dataclass
class Queues:
    """Two queues of bodies, and which messages are invisible; `refuses` says what SQS does not take."""

    contents: dict[str, dict[str, str]]
    invisible: set[str] = field(default_factory=set)
    refuses: Callable[[str], bool] = lambda _: False
    stop_at_delete: bool = False
    keeps: bool = False

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, **_: object) -> dict[str, Any]:  # noqa: N803
        visible = [one for one in self.contents[QueueUrl] if one not in self.invisible][:MaxNumberOfMessages]
        self.invisible.update(visible)
        attributes = {"code": {"StringValue": "A"}, "reason": {"StringValue": "Because."}}
        return {
            "Messages": [
                {
                    "MessageId": one,
                    "ReceiptHandle": one,
                    "Body": self.contents[QueueUrl][one],
                    "MessageAttributes": attributes,
                }
                for one in visible
            ]
        }

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:  # noqa: N803
        failed = [one for one in Entries if self.refuses(one["MessageBody"])]
        for one in Entries:
            if one not in failed:
                self.contents[QueueUrl][f"{QueueUrl}-{len(self.contents[QueueUrl])}"] = one["MessageBody"]
        return {"Failed": [{"Id": one["Id"]} for one in failed]}

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:  # noqa: N803
        if self.stop_at_delete:
            raise StoppedError
        if self.keeps:
            return {"Failed": [{"Id": one["Id"]} for one in Entries]}
        for one in Entries:
            del self.contents[QueueUrl][one["ReceiptHandle"]]
        return {}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, str]]) -> None:  # noqa: N803
        self.invisible.difference_update(one["ReceiptHandle"] for one in Entries)


def queues(letters: int, **behaviour: Any) -> Queues:
    return Queues({"dead": {f"dead-{number}": BODY % number for number in range(letters)}, "events": {}}, **behaviour)


def redrive(world: Queues, limit: int = 10_000) -> Moved:
    client = cast(SQSClient, world)
    letters, taken, moved = Letters(client, "dead"), Taken(), Moved()
    try:
        list(letters.take(taken, connection_id=None, code=None, limit=limit))
        list(move(letters, EventQueue(client, "events"), taken.chosen, moved))
    finally:
        letters.requeue([*(one.message for one in taken.chosen), *taken.others])
    return moved


def bodies(world: Queues, queue: str) -> list[str]:
    return sorted(world.contents[queue].values())


def test_all_letters_move_once() -> None:
    world = queues(23)
    everything = bodies(world, "dead")
    assert redrive(world) == Moved(moved=23)
    assert bodies(world, "events") == everything
    assert bodies(world, "dead") == []


def test_ended_between_sending_and_deleting_no_letter_is_lost_and_all_are_seen_again() -> None:
    world = queues(12, stop_at_delete=True)
    everything = bodies(world, "dead")
    with pytest.raises(StoppedError):
        redrive(world)
    assert bodies(world, "dead") == everything
    assert len(bodies(world, "events")) == 10
    assert world.invisible.isdisjoint(world.contents["dead"])

    world.stop_at_delete = False
    redrive(world)
    assert set(bodies(world, "events")) == set(everything)
    assert bodies(world, "dead") == []


def test_what_the_queue_does_not_take_stays_a_letter() -> None:
    world = queues(12, refuses=lambda body: body == BODY % 3)
    assert redrive(world) == Moved(moved=11, left=1)
    assert bodies(world, "dead") == [BODY % 3]
    assert world.invisible.isdisjoint(world.contents["dead"])


def test_what_cannot_be_deleted_is_counted() -> None:
    assert redrive(queues(2, keeps=True)) == Moved(moved=2, twice=2)


def test_a_letter_that_comes_back_is_not_moved_again() -> None:
    world = queues(12)
    deleted = world.delete_message_batch

    def refused_again(**call: Any) -> dict[str, Any]:
        for one in call["Entries"]:
            world.contents["dead"][f"again-{one['ReceiptHandle']}"] = world.contents["dead"][one["ReceiptHandle"]]
        return deleted(**call)

    world.delete_message_batch = refused_again  # type: ignore[method-assign]
    assert redrive(world) == Moved(moved=12)
    assert len(bodies(world, "dead")) == 12


def test_the_limit_leaves_the_rest() -> None:
    world = queues(35)
    assert redrive(world, limit=20) == Moved(moved=20)
    assert len(bodies(world, "dead")) == 15
