"""The event source mapping over time: each rule of AWS Lambda that it says it keeps."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from testing.event_source import MAX_PAYLOAD_BYTES, POLLERS, EventSourceMapping, Invocation, record_bytes
from testing.standard_queue import Received, StandardQueue
from testing.timeline import Timeline

WINDOW, VISIBILITY = 60.0, 400.0
MEBIBYTE = 1024 * 1024


class InTurns(Random):
    """Whoever was not chosen the last time."""

    chosen: object = None

    def choice(self, seq: Any) -> Any:
        self.chosen = next(one for one in seq if one is not self.chosen)
        return self.chosen


@dataclass
class Lambda:
    """A queue with a mapping, and what the function was given: when, and which bodies. It takes `seconds`."""

    seconds: float = 1.0
    settings: dict[str, Any] = field(default_factory=dict)
    begun: list[tuple[float, list[str]]] = field(default_factory=list)
    answers: dict[str, Invocation] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        self.queue = StandardQueue(self.timeline, VISIBILITY)
        given: dict[str, Any] = {
            "batch_size": 1000,
            "window": WINDOW,
            "max_concurrency": 1000,
            "chance": Random(7),  # noqa: S311 - the same course every time
        }
        self.mapping = EventSourceMapping(self.timeline, self.queue, self.invoke, **(given | self.settings))

    def invoke(self, batch: Sequence[Received]) -> Invocation:
        self.begun.append((self.timeline.now, [one.body for one in batch]))
        self.received += batch
        return next((self.answers[one.body] for one in batch if one.body in self.answers), Invocation(self.seconds))

    def send(self, *bodies: str, at: float = 0) -> None:
        for body in bodies:
            self.timeline.at(at, functools.partial(self.queue.send, body))

    def sizes(self) -> list[int]:
        return [len(bodies) for _, bodies in self.begun]


def test_a_window_begins_with_the_first_message_of_the_batch() -> None:
    aws = Lambda(settings={"pollers": 1})
    aws.send("a", at=100)
    aws.send("b", at=159)
    aws.send("c", at=161.5)
    aws.timeline.run(1000)
    assert aws.begun == [(160, ["a", "b"]), (221.5, ["c"])]


def test_five_pollers_gather_each_a_batch_of_its_own_however_little_comes() -> None:
    aws = Lambda()
    for second in range(3600):
        aws.send(str(second), at=second)
    aws.timeline.run(3600)
    assert POLLERS == 5
    assert 5 * 3600 / (WINDOW + 10) <= len(aws.begun) <= 5 * 3600 / WINDOW
    assert sum(aws.sizes()) == len({body for _, bodies in aws.begun for body in bodies})


def test_no_other_poller_takes_what_one_has_received() -> None:
    aws = Lambda(settings={"window": VISIBILITY - 10})
    aws.send("a")
    aws.timeline.run(VISIBILITY)
    assert [bodies for _, bodies in aws.begun] == [["a"]]


def test_a_full_batch_is_handed_over_before_its_window_is_over() -> None:
    aws = Lambda(settings={"pollers": 1, "batch_size": 12}, seconds=5)
    aws.send(*map(str, range(30)), at=10)
    aws.timeline.run(1000)
    assert [(at, len(bodies)) for at, bodies in aws.begun] == [(10, 12), (15, 12), (20 + WINDOW, 6)]


@pytest.mark.parametrize("text", ["x", '"', "é"])
def test_a_batch_ends_before_the_payload_is_too_large_and_what_was_received_begins_the_next(text: str) -> None:
    aws = Lambda(settings={"pollers": 1})
    bodies = [f"{number}{text * 100_000}" for number in range(150)]
    fit = MAX_PAYLOAD_BYTES // record_bytes(bodies[0])
    aws.send(*bodies)
    aws.timeline.run(1000)
    sizes = aws.sizes()
    assert all(abs(size - fit) <= 1 for size in sizes[:-1])
    assert sum(sizes) == 150
    assert {at for at, _ in aws.begun[:-1]} <= set(range(60))
    assert len({one.id for one in aws.received}) == len(aws.received) == 150


@pytest.mark.parametrize(
    ("body", "sizes"),
    [
        ("x" * MEBIBYTE, [5, 1]),  # six of them are the 6 MiB, without what is around a body
        ("x" * (MEBIBYTE - 2_000), [6]),
        ('"' * (MEBIBYTE // 2), [5, 1]),  # escaped, each takes two bytes
        ('"' * MEBIBYTE, [2, 2, 2]),
    ],
    ids=["full", "with-room", "half-escaped", "escaped"],
)
def test_of_the_largest_messages_as_many_are_a_batch_as_the_payload_takes(body: str, sizes: list[int]) -> None:
    aws = Lambda(settings={"pollers": 1})
    aws.send(*[body] * 6)
    aws.timeline.run(1000)
    assert aws.sizes() == sizes
    assert all(sum(map(record_bytes, bodies)) <= 6 * MEBIBYTE for _, bodies in aws.begun)


def test_a_record_takes_its_body_as_json_and_what_is_around_it() -> None:
    assert record_bytes('"' * 100) - record_bytes("x" * 100) == 100
    assert 700 < record_bytes("") < 1_500


def test_no_more_invocations_than_the_maximum_are_under_way_and_a_batch_that_is_ready_waits() -> None:
    aws = Lambda(seconds=30, settings={"max_concurrency": 2, "batch_size": 10})
    aws.send(*map(str, range(100)))
    at_once = []
    for second in range(200):
        aws.timeline.run(second)
        at_once.append(aws.mapping.under_way)
    assert max(at_once) == 2
    assert [at for at, _ in aws.begun] == [0, 0, 30, 30, 60, 60, 90, 90, 120, 120]


@pytest.mark.parametrize(("begins_at_cap", "received"), [(False, 2), (True, POLLERS)])
def test_whether_a_batch_is_begun_while_no_invocation_may_begin_can_be_chosen(
    begins_at_cap: bool, received: int
) -> None:
    settings = {"max_concurrency": 2, "batch_size": 1, "begins_at_cap": begins_at_cap}
    aws = Lambda(seconds=30, settings=settings)
    aws.send(*"abcdefgh")
    aws.timeline.run(1)
    assert (aws.queue.in_flight, aws.queue.visible) == (received, 8 - received)
    aws.timeline.run(1000)
    assert [at for at, _ in aws.begun] == [0, 0, 30, 30, 60, 60, 90, 90]


def test_a_batch_that_was_begun_goes_on_being_read_while_no_invocation_may_begin() -> None:
    aws = Lambda(seconds=100, settings={"max_concurrency": 1, "pollers": 2, "batch_size": 3, "chance": InTurns()})
    aws.send(*"abcd", at=0)
    aws.timeline.run(1)
    assert aws.begun == []  # two batches of two
    aws.send("e", "f", at=10)
    aws.timeline.run(100)
    assert aws.sizes() == [3]
    assert (aws.queue.in_flight, aws.queue.visible) == (6, 0)
    aws.timeline.run(1000)
    assert aws.sizes() == [3, 3]


def test_the_visibility_timeout_runs_while_a_batch_waits() -> None:
    aws = Lambda(seconds=390, settings={"max_concurrency": 2, "batch_size": 1, "begins_at_cap": True})
    aws.send(*"abc")
    aws.timeline.run(5000)
    first, second, late, again = aws.begun
    assert [at for at, _ in (first, second, late, again)] == [0, 0, 390, VISIBILITY]
    assert late[1] == again[1]
    assert aws.queue.visible == aws.queue.in_flight == 0


def test_the_visibility_timeout_runs_while_the_window_gathers() -> None:
    """Where window and invocation outlast it, the message is received again each time, and is never deleted."""
    aws = Lambda(seconds=10, settings={"window": VISIBILITY - 5, "pollers": 2})
    aws.send("a")
    aws.timeline.run(10 * VISIBILITY)
    assert [at for at, _ in aws.begun] == [times * VISIBILITY - 5 for times in range(1, 11)]


def test_what_is_not_done_stays_and_the_rest_is_deleted() -> None:
    aws = Lambda(settings={"pollers": 1})
    aws.send("done", "later", "soon")
    aws.timeline.run(1)
    ids = {"done": "message-0", "later": "message-1", "soon": "message-2"}
    aws.answers["done"] = Invocation(10, [ids["later"], ids["soon"]], {f"{ids['soon']} receipt 1": 20})
    aws.timeline.run(10_000)
    assert aws.begun == [
        (WINDOW, ["done", "later", "soon"]),
        (WINDOW + 10 + 20 + WINDOW, ["soon"]),
        (VISIBILITY + WINDOW, ["later"]),
    ]


def test_after_an_error_everything_comes_back_when_its_visibility_timeout_is_over() -> None:
    aws = Lambda(settings={"pollers": 1})
    aws.send("a", at=0)
    aws.send("b", at=50)
    aws.answers["a"] = Invocation(5, is_error=True)
    aws.timeline.run(VISIBILITY)
    del aws.answers["a"]
    aws.timeline.run(VISIBILITY + WINDOW)
    assert aws.begun == [(WINDOW, ["a", "b"]), (VISIBILITY + WINDOW, ["a", "b"])]
    assert [one.receives for one in aws.received] == [1, 1, 2, 2]
