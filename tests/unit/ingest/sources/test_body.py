"""A body into records: every container that sources use, and what is left of a body that is broken."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.event import MAX_IDENTITIES
from destination.ingest.sources.body import (
    MAX_DEPTH,
    MAX_INNER,
    MAX_RECORDS,
    Broken,
    LeftOut,
    RecordError,
    RecordTimes,
    TooManyRecordsError,
    UnreadableBodyError,
    as_object,
    attributes,
    distinct,
    identifier,
    may_hold_halves,
    records,
)

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ONE, TWO, THREE = {"n": 1}, {"n": 2}, {"n": 3}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"n":1}', [ONE]),
        ('[{"n":1},{"n":2}]', [ONE, TWO]),
        ('{"profiles":[{"n":1},{"n":2}]}', [ONE, TWO]),
        ('{"n":1}\n{"n":2}\n{"n":3}\n', [ONE, TWO, THREE]),
        ('{"n":1}\r\n\r\n{"n":2}\r\n', [ONE, TWO]),
        ('{"n":1}{"n":2}{"n":3}', [ONE, TWO, THREE]),
        ('{"n":1} {\n"n":2\n}\n{"n":3}', [ONE, TWO, THREE]),
        ('{"n":1},\n{"n":2}', [ONE, TWO]),
        ('\n\t[{"n":1}]\n ', [ONE]),
        ("[]", []),
        ('{"profiles":[]}', []),
        ('{"profiles":{}}', [{"profiles": {}}]),
        ('{"events":[1]}', [{"events": [1]}]),
        ("[[]]", [[]]),
        ("null", [None]),
        ('"text"', ["text"]),
        ("7", [7]),
    ],
)
def test_a_body_is_split_into_its_records(text: str, found: list[object]) -> None:
    assert records(text.encode(), "profiles") == found


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert records(b'\xef\xbb\xbf{"n":1}\n{"n":2}', "profiles") == [ONE, TWO]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"not JSON", "line 1 column 1"),
        (b"n,m\n1,2\n3,4\n", "line 1 column 1"),
        (b"<profiles/>", "not JSON"),
        (b'{"n":1', "line 1 column"),
        (b'[{"n":1},{"n":2}', "line 1 column"),
        (b"{'n': 1}", "line 1 column 2"),
        (b'\xff\xfe{\x00"\x00', "byte 0"),
        (b'{"n":"\xe4"}', "byte 6"),
        (b"[" * 100_000, "deep"),
        (b'{"n":' * 100_000, "deep"),
    ],
)
def test_a_body_without_any_record_says_where_it_stops_being_json(body: bytes, says: str) -> None:
    with pytest.raises(UnreadableBodyError, match=says):
        records(body, "profiles")


def test_a_broken_line_costs_its_own_record_only() -> None:
    found = records(b'{"n":1}\n{"n":,}\nnonsense\n{"n":2}\n{"n":3', "profiles")
    assert [one if isinstance(one, dict) else type(one) for one in found] == [ONE, Broken, Broken, TWO, Broken]


@pytest.mark.parametrize("opening", ["[", '{"profiles": [', ' { "profiles" : [ '])
def test_a_broken_array_with_a_record_a_line_keeps_the_others_and_their_numbers(opening: str) -> None:
    closing = "\n]}" if "{" in opening else "\n]"
    body = opening + '\n  {"n":1},\n  {"n":},\n  {"n":{"m":[]}}' + closing
    found = records(body.encode(), "profiles")
    assert [one if isinstance(one, dict) else type(one) for one in found] == [ONE, Broken, {"n": {"m": []}}]


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
    assert [one.path for one in losses.problems] == ["n", "m[0].n", "m[1]"]
    assert all("NaN" in one.message for one in losses.problems)


@pytest.mark.parametrize("record", [None, True, 7, "text", [], [{"n": 1}], Broken("not JSON")])
def test_a_record_is_an_object(record: object) -> None:
    with pytest.raises(RecordError, match=r"object|not JSON"):
        as_object(record)


def test_attributes_nest_to_a_bounded_depth() -> None:
    deepest = json.loads('{"n":[' * (MAX_DEPTH // 2) + "]}" * (MAX_DEPTH // 2))
    losses = LeftOut()
    assert read(deepest, losses) is deepest
    found = read({"m": [deepest], "o": 1}, losses)
    assert found["o"] == 1
    assert json.dumps(found).count("{") + json.dumps(found).count("[") == MAX_DEPTH
    (problem,) = losses.problems
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


@pytest.mark.timeout(10)
def test_a_long_body_without_a_record_is_refused_in_time() -> None:
    with pytest.raises(UnreadableBodyError):
        records(b"email,name\n" * 500_000, "profiles")


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


def test_a_body_may_have_so_many_records_and_no_more() -> None:
    many = b"[" + b",".join([b"1"] * MAX_RECORDS) + b"]"
    assert len(records(many, "events")) == MAX_RECORDS
    with pytest.raises(TooManyRecordsError):
        records(many[:-1] + b",1]", "events")
    with pytest.raises(TooManyRecordsError):
        records(b"{}\n" + b"x\n" * MAX_RECORDS, "events")


def test_a_namespace_may_have_so_many_identities_and_no_more() -> None:
    ids = [str(number) for number in range(MAX_IDENTITIES)]
    losses = LeftOut()
    assert distinct([*ids, *ids], "identities.crm", losses) == tuple(ids)
    assert losses.count == 0
    assert distinct([*ids, "one more"], "identities.crm", losses) == tuple(ids)
    assert [one.path for one in losses.problems] == ["identities.crm"]


def test_an_endless_integer_costs_itself_alone() -> None:
    (record,) = records(b'{"a": 1, "b": ' + b"9" * 5_000 + b"}", "events")
    losses = LeftOut()
    assert read(record, losses) == {"a": 1}
    assert [one.path for one in losses.problems] == ["b"]
    assert "range" in losses.problems[0].message


def test_a_record_in_a_row_may_stand_on_several_lines() -> None:
    assert records(b'{"a":\n1}\n{"a":\n2}{"a": 3}', "events") == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize("broken", [b'{"a": 1,}', b'{"a": tru', b'{"a": "open', b'{"a": [1, 2}'])
def test_a_record_that_is_broken_within_its_line_takes_nothing_from_the_next(broken: bytes) -> None:
    first, second = records(broken + b'\n{"b":\n2}', "events")
    assert isinstance(first, Broken)
    assert second == {"b": 2}


def test_records_that_go_ever_deeper_are_each_refused_alone() -> None:
    """Each line could be the beginning of all that follows, and is read as that a hundred times at most."""
    lines = 300
    found = records(b"\n".join([b'{"a":' + b" " * 294] * lines) + b'\n{"b": 1}', "events")
    assert [isinstance(one, Broken) for one in found] == [True] * lines + [False]
    assert found[-1] == {"b": 1}
