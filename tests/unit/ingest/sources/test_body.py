"""A body into records: every container that sources use, and what is left of a body that is broken."""

import json

import pytest

from destination.ingest.sources.body import (
    MAX_RECORD_LENGTH,
    MAX_RECORDS,
    Broken,
    TooManyRecordsError,
    UnreadableBodyError,
    as_object,
    records,
)
from destination.ingest.sources.record import RecordError

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


@pytest.mark.parametrize("record", [None, True, 7, "text", [], [{"n": 1}], Broken("not JSON")])
def test_a_record_is_an_object(record: object) -> None:
    with pytest.raises(RecordError, match=r"object|not JSON"):
        as_object(record)


@pytest.mark.timeout(10)
def test_a_long_body_without_a_record_is_refused_in_time() -> None:
    with pytest.raises(UnreadableBodyError):
        records(b"email,name\n" * 500_000, "profiles")


def test_a_body_may_have_so_many_records_and_no_more() -> None:
    many = b"[" + b",".join([b"1"] * MAX_RECORDS) + b"]"
    assert len(records(many, "events")) == MAX_RECORDS
    with pytest.raises(TooManyRecordsError):
        records(many[:-1] + b",1]", "events")
    with pytest.raises(TooManyRecordsError):
        records(b"{}\n" + b"x\n" * MAX_RECORDS, "events")


def test_a_record_in_a_row_may_stand_on_several_lines() -> None:
    assert records(b'{"a":\n1}\n{"a":\n2}{"a": 3}', "events") == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize("broken", [b'{"a": 1,}', b'{"a": tru', b'{"a": "open', b'{"a": [1, 2}'])
def test_a_record_that_is_broken_within_its_line_takes_nothing_from_the_next(broken: bytes) -> None:
    first, second = records(broken + b'\n{"b":\n2}', "events")
    assert isinstance(first, Broken)
    assert second == {"b": 2}


def test_records_that_go_ever_deeper_are_each_refused_alone() -> None:
    """Each line could be the beginning of all that follows, and is read as that until too much was read in vain."""
    lines = 300
    found = records(b"\n".join([b'{"a":' + b" " * 294] * lines) + b'\n{"b": 1}', "events")
    assert [isinstance(one, Broken) for one in found] == [True] * lines + [False]
    assert found[-1] == {"b": 1}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("record", ['{"n":"%s"}' % ("x" * 290), '{\n"n":"%s"}\n' % ("x" * 280)])
def test_records_in_a_row_take_no_longer_however_they_follow_one_another(record: str) -> None:
    found = records(('{"n":"😀"}' + record * (MAX_RECORDS - 1)).encode(), "profiles")
    assert len(found) == MAX_RECORDS
    assert found[0] == {"n": "😀"}
    assert found[-1] == json.loads(record)


def test_a_broken_record_costs_those_after_it_on_its_line_and_none_before() -> None:
    found = records(b'{"n":1}{"n":2}{"n":}{"n":9}\n{"n":3}', "profiles")
    assert [one if isinstance(one, dict) else type(one) for one in found] == [ONE, TWO, Broken, THREE]


@pytest.mark.parametrize("lines", [2, 3, 5, 9, 40, 200])
def test_records_on_many_lines_are_read_between_others(lines: int) -> None:
    record = {"n": list(range(lines))}
    text = json.dumps(record, indent=1)
    assert records(f'{{"n":1}}{text}{{"n":2}}\n{text}\n{text}\n{{"n":3}}'.encode(), "events") == [
        ONE,
        record,
        TWO,
        record,
        record,
        THREE,
    ]


def test_a_record_among_others_on_lines_of_its_own_has_a_bounded_length() -> None:
    longest = '{"n":\n"%s"}' % ("x" * (MAX_RECORD_LENGTH - 9))
    found = records(f'{{"n":1}}\n{longest}\n{{"n":2}}'.encode(), "events")
    assert [found[0], found[-1]] == [ONE, TWO]
    assert isinstance(found[1], dict)
    found = records(f'{{"n":1}}\n{longest.replace(":", ": ")}\n{{"n":2}}'.encode(), "events")
    assert [one if isinstance(one, dict) else type(one) for one in found[:2]] == [ONE, Broken]
    assert found[-1] == TWO
