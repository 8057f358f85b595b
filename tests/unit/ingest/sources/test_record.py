"""The parts of a record: what can be read of each, and what is lost of it."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import MAX_NAMESPACE_LENGTH
from destination.domain.event import MAX_IDENTITIES
from destination.domain.loss import IDENTITY_UNREADABLE
from destination.ingest.sources.body import records
from destination.ingest.sources.record import (
    MAX_DEPTH,
    MAX_INNER,
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    distinct,
    identifier,
    may_hold_halves,
)
from testing.sources import read_body

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def read(record: object, losses: LeftOut, *, may_hold_halves: bool = False) -> dict[str, object]:
    assert isinstance(record, dict)
    return attributes(record, "", losses, may_hold_halves=may_hold_halves)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_a_number_that_json_does_not_have_costs_itself_alone(number: str) -> None:
    (record,) = records(f'[{{"n":{number},"m":[{{"n":{number}}},{number}],"o":1}}]'.encode(), "profiles")
    losses = LeftOut()
    if number.startswith("9"):
        assert read(record, losses) is record
        return
    assert read(record, losses) == {"m": [{}, None], "o": 1}
    assert [one.path for one in losses.problems()] == ["n", "m[0].n", "m[1]"]
    assert all("NaN" in one.message for one in losses.problems())


def test_attributes_nest_to_a_bounded_depth() -> None:
    deepest = json.loads('{"n":[' * (MAX_DEPTH // 2) + "]}" * (MAX_DEPTH // 2))
    losses = LeftOut()
    assert read(deepest, losses) is deepest
    found = read({"m": [deepest], "o": 1}, losses)
    assert found["o"] == 1
    assert json.dumps(found).count("{") + json.dumps(found).count("[") == MAX_DEPTH
    (problem,) = losses.problems()
    assert f"{MAX_DEPTH} levels" in problem.message


def test_attributes_may_hold_so_many_objects_and_lists_and_no_more() -> None:
    most: dict[str, object] = {"n": [[]] * (MAX_INNER - 1)}
    assert read(most, LeftOut()) is most
    with pytest.raises(RecordError, match=f"{MAX_INNER} objects"):
        read({"n": [math.nan, *[[]] * MAX_INNER]}, LeftOut())


def test_attributes_are_looked_at_for_halves_only_where_the_body_can_hold_any() -> None:
    assert [may_hold_halves(body) for body in (b"{}", b'"\\uD83D"', b'"\\ud83d"', "😀".encode())] == [
        False,
        True,
        True,
        False,
    ]
    whole, half = {"a": "😀", "b": 1}, {"a": "\ud83d", "b": 1}
    losses = LeftOut()
    assert read(whole, losses, may_hold_halves=True) is whole
    assert losses.count == 0
    assert read(half, losses, may_hold_halves=True) == {"b": 1}
    assert losses.count == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("C-17", "C-17"),
        ("é", "é"),
        ("\ud83d", None),
        (17, "17"),
        (17.0, "17"),
        (float(2**53), None),
        (1.5, None),
        (math.inf, None),
        (True, None),
        (None, None),
        ([17], None),
    ],
)
def test_an_id_is_text_or_a_whole_number(value: object, text: str | None) -> None:
    assert identifier(value) == text


def test_records_of_one_body_are_each_newer_than_the_one_before() -> None:
    times = RecordTimes(NOW)
    assert [times.of(index) - NOW for index in (0, 1, 4000)] == [timedelta(microseconds=n) for n in (0, 1, 4000)]


@pytest.mark.parametrize("text", ["2026-11-21T10:00:01Z", "2099-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_no_time_lies_in_the_future(text: str) -> None:
    assert RecordTimes(NOW).time(text, 7, "at") == NOW + timedelta(microseconds=7)


def test_a_past_time_is_as_it_was_said() -> None:
    assert RecordTimes(NOW).time("2026-11-21T10:59:59+0100", 7, "at") == NOW - timedelta(seconds=1)


@pytest.mark.parametrize("value", [None, 7, 1762000000000, True, [], {}, "", "soon", "0001-01-01T00:00:00+05:00"])
def test_what_is_no_time_names_its_path(value: object) -> None:
    with pytest.raises(RecordError, match=r"^audiences\[0\]\.at: must be"):
        RecordTimes(NOW).time(value, 7, "audiences[0].at")


def test_a_namespace_may_have_so_many_identities_and_no_more() -> None:
    ids = [str(number) for number in range(MAX_IDENTITIES)]
    losses = LeftOut()
    assert distinct([*ids, *ids], "identities.crm", losses) == tuple(ids)
    assert losses.count == 0
    assert distinct([*ids, "one more"], "identities.crm", losses) == tuple(ids)
    assert [one.path for one in losses.problems()] == ["identities.crm"]


def test_an_endless_integer_costs_itself_alone() -> None:
    (record,) = records(b'{"a": 1, "b": ' + b"9" * 5_000 + b"}", "events")
    losses = LeftOut()
    assert read(record, losses) == {"a": 1}
    assert [one.path for one in losses.problems()] == ["b"]
    assert "range" in losses.problems()[0].message


def test_of_what_is_lost_so_much_is_told_and_all_is_counted() -> None:
    losses = LeftOut(3)
    losses.add(IDENTITY_UNREADABLE, "", "lost", "a", 0, "b")
    losses.add_items(IDENTITY_UNREADABLE, "identities", "lost", "crm", [2, 5, 7])
    read({"m": [1, {"n": math.nan}]}, losses)
    assert [one.path for one in losses.problems()] == ["a[0].b", "identities.crm[2]", "identities.crm[5]"]
    assert len(losses.problems(1)) == 1
    assert (losses.count, losses.by_code) == (5, {"IDENTITY_UNREADABLE": 4, "ATTRIBUTE_UNREADABLE": 1})


@pytest.mark.parametrize("source_format", ["aep", "canonical"])
def test_a_namespace_that_no_activation_can_have_costs_its_memberships_alone(source_format: str) -> None:
    """It would be written anew with each of its audiences, which may be ten thousand."""
    for namespace, kept in (("n" * MAX_NAMESPACE_LENGTH, 2), ("n" * (MAX_NAMESPACE_LENGTH + 1), 1)):
        record: dict[str, object] = {"segmentMembership": {namespace: {"a": {}}, "ups": {"b": {}}}}
        if source_format == "canonical":
            record = {"audiences": [{"id": "a", "namespace": namespace}, {"id": "b"}]}
        parsed = read_body(source_format, json.dumps(record).encode(), RecordTimes(NOW))
        ((_, event),) = parsed.events
        assert len(event.memberships) == kept
        assert (parsed.warning_count, len(parsed.rejected)) == (2 - kept, 0)
