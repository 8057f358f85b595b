"""A body into records: every container that sources use, and what is left of a body that is broken."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from destination.ingest.sources.body import (
    MAX_DEPTH,
    MAX_IDENTITIES,
    MAX_RECORDS,
    Broken,
    RecordError,
    RecordTimes,
    TooManyRecordsError,
    UnreadableBodyError,
    as_object,
    distinct,
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


def test_a_number_that_json_does_not_have_costs_its_own_record_only() -> None:
    found = records(b'[{"n":1},{"n":NaN},{"n":-Infinity},{"n":1e999},{"n":[{"m":[NaN]}]},{"n":2}]', "profiles")
    assert [as_object(found[0]), as_object(found[5])] == [ONE, TWO]
    for one in found[1:5]:
        with pytest.raises(RecordError, match="NaN"):
            as_object(one)


@pytest.mark.parametrize("record", [None, True, 7, "text", [], [{"n": 1}], Broken("not JSON")])
def test_a_record_is_an_object(record: object) -> None:
    with pytest.raises(RecordError, match=r"object|not JSON"):
        as_object(record)


def test_a_record_nests_to_a_bounded_depth() -> None:
    deepest = json.loads('{"n":[' * (MAX_DEPTH // 2) + "]}" * (MAX_DEPTH // 2))
    assert as_object(deepest) == deepest
    with pytest.raises(RecordError, match=f"{MAX_DEPTH} levels"):
        as_object({"n": deepest})


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
    assert distinct([*ids, *ids], "identities.crm") == tuple(ids)
    with pytest.raises(RecordError, match="100 identities"):
        distinct([*ids, "one more"], "identities.crm")


def test_an_endless_integer_costs_its_record_alone() -> None:
    good, endless = records(b'[{"a": 1}, {"a": ' + b"9" * 5_000 + b"}]", "events")
    assert as_object(good) == {"a": 1}
    with pytest.raises(RecordError, match="range"):
        as_object(endless)


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
