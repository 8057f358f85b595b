"""Packing keeps every event, in order, within what SQS takes, and wastes no message."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.event import ProfileEvent
from destination.queue import (
    MAX_BATCH_BYTES,
    MAX_EVENT_BYTES,
    MAX_MESSAGE_BYTES,
    DeadLetter,
    DeadLetters,
    EventQueue,
    decode,
    encode_event,
    pack,
)
from testing.sqs import FakeSqs

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SQS_TAKES = 1024 * 1024
SIZES = st.lists(st.integers(2, 2_000) | st.integers(2, MAX_EVENT_BYTES) | st.just(MAX_EVENT_BYTES), max_size=12)
CHARACTERS = st.sampled_from(["x", '"', "\\", "\n", "é", "漢", "\u2028", "👍"])
"""Of one to four bytes in UTF-8, and of one to twelve in JSON."""
TEXTS = st.lists(st.tuples(CHARACTERS, st.integers(0, 80_000)), max_size=12)


def encoded(size: int) -> str:
    return json.dumps("x" * (size - 2))


def bodies_of(texts: Sequence[str], first: int = 0) -> list[tuple[int, str]]:
    return list(pack("connection-1", NOW, texts, envelope_id="envelope-1", first=first))


@given(SIZES)
def test_messages_hold_all_events_in_order_within_the_limit(sizes: list[int]) -> None:
    packed = bodies_of([encoded(size) for size in sizes])
    assert all(len(body) <= MAX_MESSAGE_BYTES for _, body in packed)
    found = [json.loads(body)["events"] for _, body in packed]
    assert [count for count, _ in packed] == [len(events) for events in found]
    assert [len(event) + 2 for events in found for event in events] == sizes
    assert [json.loads(body)["first"] for _, body in packed] == [sum(map(len, found[:n])) for n in range(len(found))]
    assert {json.loads(body)["id"] for _, body in packed} <= {"envelope-1"}


@given(SIZES)
def test_no_message_could_have_taken_the_next_event_too(sizes: list[int]) -> None:
    bodies = [body for _, body in bodies_of([encoded(size) for size in sizes])]
    for one, next_one in pairwise(bodies):
        first_event = json.dumps(json.loads(next_one)["events"][0])
        assert len(f"{one},{first_event}") > MAX_MESSAGE_BYTES


@given(TEXTS, st.integers(0, 900_000))
def test_text_in_any_language_is_counted_in_the_bytes_that_sqs_counts(texts: list[tuple[str, int]], first: int) -> None:
    profiles = [{"text": character * times} for character, times in texts]
    events = [ProfileEvent(NOW, profile, {}, (), NOW) for profile in profiles]
    packed = bodies_of([encode_event(event) for event in events], first)
    assert all(len(body.encode()) <= MAX_MESSAGE_BYTES < SQS_TAKES for _, body in packed)
    envelopes = [decode(body) for _, body in packed]
    read = [event for envelope in envelopes for event in envelope.events]
    assert [event.profile for event in read] == profiles
    assert [event.received_at for event in read] == [
        NOW + timedelta(microseconds=first + number) for number in range(len(read))
    ]
    assert [one.first for one in envelopes] == [
        first + sum(len(earlier.events) for earlier in envelopes[:number]) for number in range(len(envelopes))
    ]


@given(SIZES)
def test_every_message_can_be_a_dead_letter_with_its_reason(sizes: list[int]) -> None:
    """One that cannot be read, or is of no connection, is one as it is."""
    sqs = FakeSqs()
    letters = [DeadLetter(body, "C" * 50, "é" * 4_000) for _, body in bodies_of([encoded(size) for size in sizes])]
    assert DeadLetters(sqs.client(), "https://letters").send(letters) == []
    assert sqs.bodies() == [letter.body for letter in letters]


@given(SIZES, st.data())
def test_every_body_is_stored_once_or_named(sizes: list[int], data: st.DataObject) -> None:
    bodies = [f"{number}:{'x' * min(size, MAX_BATCH_BYTES - 9)}" for number, size in enumerate(sizes)]
    refuses = data.draw(st.dictionaries(st.sampled_from(bodies), st.integers(1, 5))) if bodies else {}
    sqs = FakeSqs(refuses=dict(refuses), down=data.draw(st.integers(0, 4)))
    lost = EventQueue(sqs.client(), "https://queue").send("connection-1", bodies)
    assert sorted([*sqs.bodies(), *(bodies[index] for index in lost)]) == sorted(bodies)
