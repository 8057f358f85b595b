"""The queue over time: each rule of SQS that it says it keeps."""

import functools

import pytest

from testing import standard_queue
from testing.standard_queue import FOURTEEN_DAYS, StandardQueue
from testing.timeline import Timeline

HOUR = 3600.0


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


@pytest.fixture
def queue(timeline: Timeline) -> StandardQueue:
    return StandardQueue(timeline, visibility=30)


def test_what_is_planned_happens_in_the_order_of_its_times(timeline: Timeline) -> None:
    seen: list[tuple[str, float]] = []

    def see(name: str) -> None:
        seen.append((name, timeline.now))

    for name, when in {"b": 20.0, "a": 10.0, "c": 20.0, "never": 31.0}.items():
        timeline.at(when, functools.partial(see, name))
    timeline.run(30)
    assert seen == [("a", 10), ("b", 20), ("c", 20)]
    assert timeline.now == 30


def test_a_received_message_is_invisible_until_its_timeout_is_over(timeline: Timeline, queue: StandardQueue) -> None:
    message_id = queue.send("body")
    (first,) = queue.receive()
    timeline.run(29.9)
    assert queue.receive() == []
    assert (queue.visible, queue.in_flight) == (0, 1)
    timeline.run(30)
    (again,) = queue.receive()
    assert (first.id, again.id, again.body, again.sent_at) == (message_id, message_id, "body", 0)
    assert (first.receives, again.receives) == (1, 2)
    assert first.receipt != again.receipt


def test_a_deleted_message_does_not_come_back(timeline: Timeline, queue: StandardQueue) -> None:
    queue.send("body")
    (message,) = queue.receive()
    queue.delete(message.receipt)
    timeline.run(HOUR)
    assert queue.receive() == []


def test_only_the_newest_receipt_handle_counts(timeline: Timeline, queue: StandardQueue) -> None:
    queue.send("body")
    (first,) = queue.receive()
    timeline.run(30)
    (second,) = queue.receive()
    queue.delete(first.receipt)
    queue.change_visibility(first.receipt, 0)
    timeline.run(31)
    assert queue.in_flight == 1
    queue.delete(second.receipt)
    timeline.run(HOUR)
    assert queue.receive() == []


@pytest.mark.parametrize("seconds", [0, 10, 300])
def test_a_changed_visibility_counts_from_the_change(timeline: Timeline, queue: StandardQueue, seconds: float) -> None:
    queue.send("body")
    (message,) = queue.receive()
    timeline.run(20)
    queue.change_visibility(message.receipt, seconds)
    if seconds:
        timeline.run(20 + seconds - 0.1)
        assert queue.receive() == []
    timeline.run(20 + seconds)
    assert [one.id for one in queue.receive()] == [message.id]


def test_a_message_whose_visibility_was_changed_is_deleted_by_the_same_handle(
    timeline: Timeline, queue: StandardQueue
) -> None:
    queue.send("body")
    (message,) = queue.receive()
    queue.change_visibility(message.receipt, 300)
    queue.delete(message.receipt)
    timeline.run(HOUR)
    assert queue.receive() == []


def test_a_message_has_a_mebibyte_at_most(queue: StandardQueue) -> None:
    queue.send("é" * (512 * 1024))
    with pytest.raises(ValueError, match="1048576"):
        queue.send("é" * (512 * 1024) + "x")
    assert queue.visible == 1


def test_a_receive_takes_ten_at_most(queue: StandardQueue) -> None:
    sent = [queue.send(str(number)) for number in range(25)]
    received = [queue.receive(most) for most in (3, 100, 100, 100)]
    assert [len(one) for one in received] == [3, 10, 10, 2]
    assert sorted(one.id for messages in received for one in messages) == sorted(sent)


def test_beyond_so_many_in_flight_nothing_is_received(queue: StandardQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    assert standard_queue.MAX_IN_FLIGHT == 120_000
    monkeypatch.setattr(standard_queue, "MAX_IN_FLIGHT", 25)
    for number in range(30):
        queue.send(str(number))
    received = [queue.receive() for _ in range(3)]
    assert [len(one) for one in received] == [10, 10, 5]
    assert queue.receive() == []
    assert queue.visible == 5
    for message in received[0][:3]:
        queue.delete(message.receipt)
    assert len(queue.receive()) == 3


def test_a_message_received_as_often_as_allowed_is_moved_to_the_dead_letters(timeline: Timeline) -> None:
    letters = StandardQueue(timeline, visibility=30)
    queue = StandardQueue(timeline, visibility=30, dead_letters=letters, max_receives=2)
    message_id = queue.send("body")
    for times in (1, 2):
        assert [one.receives for one in queue.receive()] == [times]
        timeline.run(times * 30)
    assert letters.visible == 0
    assert queue.receive() == []
    assert (queue.visible, queue.in_flight, letters.visible) == (0, 0, 1)
    assert [(one.id, one.body) for one in letters.receive()] == [(message_id, "body")]


@pytest.mark.parametrize(("days", "left"), [(13.9, 1), (14, 0)])
def test_a_message_is_forgotten_after_its_retention(timeline: Timeline, days: float, left: int) -> None:
    queue = StandardQueue(timeline, visibility=30)
    queue.send("body")
    timeline.run(days * 24 * HOUR)
    assert queue.visible == left
    assert len(queue.receive()) == left


def test_the_move_to_the_dead_letters_leaves_the_time_of_sending(timeline: Timeline) -> None:
    """Eleven days here leave three there."""
    letters = StandardQueue(timeline, visibility=30)
    queue = StandardQueue(timeline, visibility=30, dead_letters=letters, max_receives=1)
    queue.send("body")
    queue.receive()
    timeline.run(11 * 24 * HOUR)
    queue.receive()
    assert letters.age_of_oldest() == 0
    timeline.run(FOURTEEN_DAYS - 1)
    assert letters.visible == 1
    assert letters.age_of_oldest() == 3 * 24 * HOUR - 1
    timeline.run(FOURTEEN_DAYS)
    assert letters.visible == 0


def test_the_age_of_the_oldest_is_that_of_any_message_until_it_is_deleted(
    timeline: Timeline, queue: StandardQueue
) -> None:
    assert queue.age_of_oldest() == 0
    queue.send("old")
    timeline.run(10)
    queue.send("young")
    assert queue.age_of_oldest() == 10
    old, young = queue.receive()
    assert queue.age_of_oldest() == 10
    queue.delete(old.receipt)
    timeline.run(12)
    assert queue.age_of_oldest() == 2
    queue.delete(young.receipt)
    assert queue.age_of_oldest() == 0


def test_a_message_received_more_than_three_times_leaves_the_age(timeline: Timeline, queue: StandardQueue) -> None:
    queue.send("tired")
    for times in range(3):
        queue.receive()
        timeline.run((times + 1) * 30)
    assert queue.age_of_oldest() == 90
    queue.send("young")
    queue.receive()
    timeline.run(100)
    assert queue.age_of_oldest() == 10
