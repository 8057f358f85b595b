"""Whatever a body holds: records come out, or a reason why not, and nothing else."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.event import ProfileEvent
from destination.ingest.sources.body import Broken, UnreadableBodyError, records
from destination.ingest.sources.record import RecordTimes
from destination.queue import decode, encode_event, pack
from testing.sources import read_body

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.text(max_size=6) | st.sampled_from(
    ["id", "profile", "audiences", "identities", "occurred_at", "segmentMembership", "identityMap", "ups", "status"]
)
JSON = st.recursive(
    SCALARS | st.sampled_from(["realized", "exited", "2026-11-21T09:00:00Z", "9999-12-31T23:59:59-14:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
HOLDERS = {"adobe_sdk": "profiles", "aep": "profiles", "canonical": "events"}
"""The sources of which every record of a body is one by itself, and what may hold them."""
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_records_or_unreadable(body: bytes) -> None:
    for name, holder in HOLDERS.items():
        try:
            parsed = read_body(name, body, RecordTimes(NOW))
        except UnreadableBodyError as error:
            assert str(error)  # noqa: PT017 - either way is good
        else:
            assert len({index for index, _ in (*parsed.events, *parsed.rejected)}) == len(records(body, holder))


@given(st.lists(JSON, max_size=6), st.sampled_from(sorted(HOLDERS)))
def test_every_record_of_an_array_is_an_event_or_rejected(values: list[object], source: str) -> None:
    parsed = read_body(source, json.dumps(values).encode(), RecordTimes(NOW))
    assert sorted(index for index, _ in (*parsed.events, *parsed.rejected)) == list(range(len(values)))
    assert all(problem.message for _, problem in (*parsed.rejected, *parsed.warnings))
    assert all(event.at <= event.received_at == RecordTimes(NOW).of(index) for index, event in parsed.events)
    assert all(one.at <= event.received_at for _, event in parsed.events for one in event.memberships)


@given(st.lists(OBJECTS, min_size=1, max_size=5), st.sampled_from(["", "\n", "\r\n", " ", "\n\n"]))
def test_records_in_a_row_are_the_records_of_an_array(values: list[dict[str, object]], between: str) -> None:
    body = between.join(json.dumps(one) for one in values)
    array = records(json.dumps(values).encode(), "profiles")
    assert json.dumps(records(body.encode(), "profiles")) == json.dumps(array)


@given(st.lists(OBJECTS, min_size=2, max_size=6), st.data())
def test_a_line_that_breaks_costs_no_other(values: list[dict[str, object]], data: st.DataObject) -> None:
    lines = [json.dumps(one) for one in values]
    broken = data.draw(st.integers(0, len(lines) - 1))
    lines[broken] = lines[broken][:-1]
    found = records("\n".join(lines).encode(), "profiles")
    expected = [json.dumps(one) for number, one in enumerate(values) if number != broken]
    assert isinstance(found[broken], Broken)
    assert [json.dumps(one) for number, one in enumerate(found) if number != broken] == expected


@given(st.lists(JSON, max_size=5))
def test_what_is_taken_in_comes_out_of_the_queue_as_it_was(values: list[object]) -> None:
    parsed = read_body("aep", json.dumps(values).encode(), RecordTimes(NOW))
    taken: list[tuple[ProfileEvent, str]] = []
    for _, event in parsed.events:
        try:
            text = encode_event(event)
        except ValueError:
            continue
        taken.append((replace(event, received_at=RecordTimes(NOW).of(len(taken))), text))
    for count, body in pack("connection-1", NOW, [text for _, text in taken], envelope_id="envelope-1"):
        assert not {"NaN", "Infinity"} & set(re.findall(r"[A-Za-z]+", re.sub(r'"(?:[^"\\]|\\.)*"', "", body)))
        assert decode(body).events == tuple(event for event, _ in taken[:count])
        taken = taken[count:]
    assert taken == []
