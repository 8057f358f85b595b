"""Packing keeps every event, in order, within the limit, and wastes no message."""

import json
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from destination.queue import MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_MESSAGE_BYTES, EventQueue, pack
from testing.sqs import FakeSqs

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SIZES = st.lists(st.integers(2, 200) | st.integers(2, MAX_MESSAGE_BYTES) | st.just(MAX_EVENT_BYTES), max_size=30)


def encoded(size: int) -> str:
    return json.dumps("x" * (size - 2))


@given(SIZES)
def test_messages_hold_all_events_in_order_within_the_limit(sizes: list[int]) -> None:
    packed = list(pack("connection-1", NOW, map(encoded, sizes), envelope_id="envelope-1"))
    assert all(len(body) <= MAX_MESSAGE_BYTES for count, body in packed if count > 1)
    assert all(len(body) <= MAX_BATCH_BYTES for _, body in packed)
    found = [json.loads(body)["events"] for _, body in packed]
    assert [count for count, _ in packed] == [len(events) for events in found]
    assert [len(event) + 2 for events in found for event in events] == sizes
    assert [json.loads(body)["first"] for _, body in packed] == [sum(map(len, found[:n])) for n in range(len(found))]
    assert {json.loads(body)["id"] for _, body in packed} <= {"envelope-1"}


@given(SIZES)
def test_two_messages_in_a_row_would_not_fit_into_one(sizes: list[int]) -> None:
    bodies = [body for _, body in pack("connection-1", NOW, map(encoded, sizes), envelope_id="envelope-1")]
    for one, next_one in pairwise(bodies):
        first_event = json.dumps(json.loads(next_one)["events"][0])
        assert len(one) + len(first_event) + 2 > MAX_MESSAGE_BYTES


@given(SIZES, st.data())
def test_every_body_is_stored_once_or_named(sizes: list[int], data: st.DataObject) -> None:
    bodies = [f"{number}:{'x' * min(size, MAX_MESSAGE_BYTES - 9)}" for number, size in enumerate(sizes)]
    refuses = data.draw(st.dictionaries(st.sampled_from(bodies), st.integers(1, 5))) if bodies else {}
    sqs = FakeSqs(refuses=dict(refuses), down=data.draw(st.integers(0, 4)))
    lost = EventQueue(sqs.client(), "https://queue").send("connection-1", bodies)
    assert sorted([*sqs.bodies(), *(bodies[index] for index in lost)]) == sorted(bodies)
