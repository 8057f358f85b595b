"""Files of events, and how they are cut."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from destination.ingest.sources.lookalikes import AGGREGATED
from destination_client.errors import CommandError
from destination_client.events import SAID_FOR_ALL, chunks, content_of, read


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ('{"id": "a"}', [{"id": "a"}]),
        ('[{"id": "a"}, {"id": "b"}]', [{"id": "a"}, {"id": "b"}]),
        ('{"events": [{"id": "a"}]}', [{"id": "a"}]),
        ('{"profiles": [{"id": "a"}]}', [{"id": "a"}]),
        ('{"audienceId": "a", "profiles": [{}]}', [{"audienceId": "a", "profiles": [{}]}]),
        ('{"events": {"id": "a"}}', [{"events": {"id": "a"}}]),
        ('{"id": "a"}\n\n{"id": "b"}\n', [{"id": "a"}, {"id": "b"}]),
        ('\ufeff{"id": "a"}', [{"id": "a"}]),
        ('{"id": "a"}\r\n{"id": "b"}\r\n', [{"id": "a"}, {"id": "b"}]),
        ('{"id": "a\u2028\x85"}\n{"id": "b"}', [{"id": "a\u2028\x85"}, {"id": "b"}]),
        ("[]", []),
    ],
)
def test_a_file_has_its_records(tmp_path: Path, text: str, records: list[object]) -> None:
    (tmp_path / "events").write_text(text, encoding="utf-8", newline="")
    assert read(tmp_path / "events") == records


def test_an_aggregated_body_is_told_as_the_webhook_tells_it() -> None:
    assert SAID_FOR_ALL == AGGREGATED


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "events").write_text('{"id": "a"}\n{"id": \n')
    with pytest.raises(CommandError) as refused:
        read(tmp_path / "events")
    assert [problem.path for problem in refused.value.problems] == [f"{tmp_path / 'events'}:2"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"id": "a"}\n' + "[" * 100_000])
@pytest.mark.parametrize("reader", [read, content_of])
def test_what_is_nested_without_end_is_said_so(tmp_path: Path, text: str, reader: Callable[[Path], object]) -> None:
    (tmp_path / "events").write_text(text)
    with pytest.raises(CommandError, match=r"nested too deeply|is not JSON"):
        reader(tmp_path / "events")


@pytest.mark.parametrize(
    ("count", "max_records", "max_bytes", "sizes"),
    [
        (0, 10, 1000, []),
        (10, 10, 1000, [10]),
        (11, 10, 1000, [10, 1]),
        (7, 10, len('["0","1","2"]'), [3, 3, 1]),
        (7, 10, len('["0","1","2"]') - 1, [2, 2, 2, 1]),
        (2, 10, 1, [1, 1]),
    ],
)
def test_bodies_keep_to_both_limits(count: int, max_records: int, max_bytes: int, sizes: list[int]) -> None:
    records = [str(number) for number in range(count)]
    found = list(chunks(records, max_records, max_bytes))
    assert [one.count for one in found] == sizes
    assert [record for one in found for record in json.loads(one.body)] == records
    assert [one.first for one in found] == [sum(sizes[:number]) for number in range(len(sizes))]
