"""Calls of Segment's and RudderStack's, with anything in any of their places: events come out, or reasons why not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.ingest.sources.record import RecordTimes
from destination.queue import encode_event
from testing.sources import read_body

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
TIMES = RecordTimes(NOW)
TEXTS = [
    "audience",
    "trait",
    "aud_1",
    "key",
    "true",
    "none",
    "email",
    "add",
    "delete",
    "2026-11-21T09:00:00Z",
    "half \ud83d",
]
NAMES = st.sampled_from(["id", "type", "key", "email", "add", "remove", "encoding", "listData"]) | st.text(max_size=4)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(NAMES, one, max_size=3),
    max_leaves=8,
)


def holding(*names: str, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of its places, or anything in its stead."""
    return JSON | st.fixed_dictionaries({}, optional={**dict.fromkeys(names, JSON), **known})


PERSONAS = holding("computation_class", "computation_id", "external_audience_id", computation_key=st.just("key") | JSON)
CONTEXT = holding("traits", "externalIds", "externalId", personas=PERSONAS)
LISTS = holding(listData=holding("add", "remove"))
KINDS = st.sampled_from(["identify", "track", "page", "delete", "record", "audiencelist"])
CALLS = st.fixed_dictionaries(
    {"type": KINDS | JSON},
    optional={
        **dict.fromkeys(
            ("userId", "messageId", "timestamp", "traits", "fields", "identifiers", "action", "users", "audienceId"),
            JSON,
        ),
        "context": CONTEXT,
        "properties": LISTS,
    },
)


@pytest.mark.parametrize("source_format", ["segment", "rudderstack"])
@given(st.lists(CALLS, max_size=4))
def test_whatever_is_in_a_call_it_becomes_events_in_their_order_or_reasons(
    source_format: str, calls: list[dict[str, Any]]
) -> None:
    parsed = read_body(source_format, json.dumps(calls).encode(), TIMES)
    told = sorted(index for index, _ in (*parsed.events, *parsed.rejected, *parsed.erasure_calls))
    assert told == list(range(len(told)))
    assert source_format == "rudderstack" or len(told) == len(calls)
    for index, event in parsed.events:
        assert event.received_at == TIMES.of(index)
        assert max([event.at, *(one.at for one in event.memberships)]) <= event.received_at
        assert {one.audience.namespace for one in event.memberships} <= {source_format}
        assert encode_event(event).encode()
    assert all(problem.message for _, problem in (*parsed.rejected, *parsed.warnings))
