"""Real records, damaged in some places: all else arrives, and what does not is told."""

import copy
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destination.domain.event import ProfileEvent
from destination.domain.loss import LOSSES, Lost
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes
from destination.ingest.webhook_errors import NoEventsError, WebhookError
from destination.queue import decode, encode_event, pack
from testing.sources import read_body
from testing.webhook import WebhookStand, submission
from testing.world import World, connection

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
AEP: Mapping[str, Any] = {
    "person": {"name": {"firstName": "Zoë", "lastName": "Lovelace"}, "birthDate": "1815-12-10"},
    "personalEmail": {"address": "zoe@example.org"},
    "_tenant": {"score": 417.0, "tags": ["a", "😀", {"deep": [1, None, True]}]},
    "segmentMembership": {
        "ups": {
            "a": {"status": "realized", "lastQualificationTime": "2026-11-20T10:00:00Z", "name": "Webinar"},
            "b": {"status": "exited", "lastQualificationTime": "2026-11-20T10:00:00.5+0000"},
        },
        "CustomerAudienceUpload": {"c": {"status": "existing"}},
    },
    "identityMap": {"Email": [{"id": "zoe@example.org"}, {"id": "z@example.org"}], "crmid": [{"id": 17}]},
}
CANONICAL: Mapping[str, Any] = {
    "id": "event-1",
    "occurred_at": "2026-11-20T10:00:00Z",
    "profile": {name: AEP[name] for name in ("person", "personalEmail", "_tenant")},
    "identities": {"email": ["zoe@example.org", "z@example.org"], "crmid": [17]},
    "audiences": [
        {"id": "a", "namespace": "ups", "status": "realized", "at": "2026-11-20T09:00:00Z", "name": "Webinar"},
        {"id": "b", "status": "EXITED"},
        {"id": "c", "namespace": "CustomerAudienceUpload"},
    ],
}
RECORDS = {"aep": AEP, "canonical": CANONICAL}
SECTIONS: Mapping[str | int, str] = {
    "segmentMembership": "membership",
    "audiences": "membership",
    "identityMap": "identity",
    "identities": "identity",
    "profile": "attribute",
}
Place = tuple[str | int, ...]
BAD: st.SearchStrategy[Any] = st.sampled_from(
    ["half \ud83d", "\udc00", "", "soon", 1.5, math.nan, math.inf, True, 10**500, [], {}, [[]], {"id": {}}, None]
) | st.sampled_from([json.loads("[" * 40 + "]" * 40), {"\ud83d": 1}, [math.nan] * 3, ["\ud83d"], 7, "x" * 300])


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Of everything in a record, but the record itself."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from places(one, (*at, key))


def put(record: Any, place: Place, value: object) -> None:
    """Put a value into its place, unless another damage took the place away."""
    last: Any = place[-1]
    for key in place[:-1]:
        try:
            record = record[key]
        except (KeyError, IndexError, TypeError):
            return
    if last in (record if isinstance(record, dict) else range(len(record)) if isinstance(record, list) else ()):
        record[last] = value


def parts(event: ProfileEvent) -> set[tuple[str, Any, str]]:
    """Everything of an event: leaves of the attributes with their places, identities, memberships without times."""
    values = [(place, leaf(event.profile, place)) for place in places(event.profile)]
    return {
        *(("attribute", place, json.dumps(one)) for place, one in values if not isinstance(one, dict | list)),
        *(("identity", namespace, one) for namespace, ids in event.identities.items() for one in ids),
        *(("membership", one.audience, one.status.value) for one in event.memberships),
    }


def leaf(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def read(source_format: str, record: object) -> Any:
    return read_body(source_format, json.dumps(record).encode(), RecordTimes(NOW))


def assert_told(parsed: Parsed) -> None:
    """What the sender is told, the run is told as well: every loss once, by a code that there is."""
    numbers = Counter(loss.kind for loss in parsed.losses.elements())
    assert (numbers[Lost.REJECTED], numbers[Lost.LEFT_OUT]) == (len(parsed.rejected), parsed.warning_count)
    assert parsed.losses.keys() <= LOSSES.keys()


@pytest.mark.parametrize("source_format", sorted(RECORDS))
@given(data=st.data())
def test_whatever_is_damaged_the_rest_arrives_and_passes_the_queue(source_format: str, data: st.DataObject) -> None:
    record = copy.deepcopy(dict(RECORDS[source_format]))
    everywhere = sorted(places(record), key=str)
    for place in data.draw(st.lists(st.sampled_from(everywhere), min_size=1, max_size=5)):
        put(record, place, copy.deepcopy(data.draw(BAD)))
    whole = RECORDS[source_format]
    parsed = read(source_format, [record, whole])
    ((_, expected),) = read(source_format, whole).events
    assert parts(parsed.events[-1][1]) == parts(expected)
    assert sorted({index for index, _ in (*parsed.events, *parsed.rejected)}) == [0, 1]
    assert all(index == 0 and problem.message for index, problem in (*parsed.rejected, *parsed.warnings))
    assert_told(parsed)
    texts = [encode_event(event) for _, event in parsed.events]
    ((_, body),) = pack("connection-1", NOW, texts, envelope_id="envelope-1", losses=parsed.losses)
    assert len(decode(body).events) == len(parsed.events)
    assert decode(body).losses == parsed.losses


@pytest.mark.parametrize("source_format", sorted(RECORDS))
@given(data=st.data())
def test_one_damage_costs_what_it_touches_and_is_told_by_its_place(source_format: str, data: st.DataObject) -> None:
    """Half a character is no value of anything: wherever it stands, it is told, and what is elsewhere arrives."""
    record = copy.deepcopy(dict(RECORDS[source_format]))
    place = data.draw(st.sampled_from(sorted(places(record), key=str)))
    put(record, place, "half \ud83d")
    parsed = read(source_format, record)
    ((_, expected),) = read(source_format, RECORDS[source_format]).events
    ((_, event),) = parsed.events
    if place[-1] != "name" or place[-2:] == ("person", "name"):  # an audience's name is left out silently
        ((_, warning),) = parsed.warnings
        assert_told(parsed)
        assert warning.path.startswith(str(place[0]))
    section = SECTIONS.get(place[0], "attribute" if source_format == "aep" else "none")
    inner = place if source_format == "aep" else place[1:]
    for kind, where, _ in parts(expected) - parts(event):
        assert kind == section
        if kind == "attribute":
            assert where[: len(inner)] == inner


@st.composite
def posted(draw: st.DrawFn, source_format: str) -> bytes:
    """A body of records of which some are damaged, as values or as bytes."""
    records: list[Any] = [copy.deepcopy(dict(RECORDS[source_format])) for _ in range(draw(st.integers(1, 3)))]
    for record in records:
        for place in draw(st.lists(st.sampled_from(sorted(places(record), key=str)), max_size=4)):
            put(record, place, copy.deepcopy(draw(BAD)))
    records += draw(st.lists(st.sampled_from([None, 7, {}, [], {"jsonrpc": "2.0", "method": "x"}]), max_size=2))
    separator = draw(st.sampled_from(["\n", None]))
    text = json.dumps(records) if separator is None else separator.join(map(json.dumps, records))
    body = bytearray(text.encode())
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


@pytest.mark.parametrize("source_format", sorted(RECORDS))
@settings(max_examples=150)
@given(data=st.data())
def test_what_the_sender_is_told_is_in_the_run(source_format: str, data: st.DataObject) -> None:
    webhook, world = WebhookStand(source_format=source_format), World(connection(source_format=source_format))
    try:
        acceptance = webhook.ingest(submission(data.draw(posted(source_format))))
    except NoEventsError as refused:
        accepted, rejected, left_out = 0, len(refused.problems), 0
    except WebhookError:
        accepted, rejected, left_out = 0, 1, 0
    else:
        accepted, rejected, left_out = acceptance.accepted, len(acceptance.rejected), acceptance.warning_count
    for _ in range(2):
        world.queue.send("connection-1", webhook.sqs.bodies())
        world.deliver()
    total = world.ledger.total("connection-1")
    assert (world.queue.waiting, world.letters.bodies) == ({}, [])
    assert (total.counts["rejected"], total.counts["left_out"]) == (rejected, left_out)
    assert total.counts["received"] + total.counts["ignored"] == accepted
    assert sum(total.losses.values()) == rejected + left_out
