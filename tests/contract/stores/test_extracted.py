"""The bytes of extracts, by instance and day: in memory as in the table."""

from datetime import date

import pytest

from destination.delivery.carry_extract import ExtractedBytes as Counted
from destination.store.extracted import ExtractedBytes
from testing.memory import MemoryExtracted

TODAY, TOMORROW = date(2026, 11, 21), date(2026, 11, 22)


@pytest.fixture(params=["memory", "table"])
def extracted(request: pytest.FixtureRequest) -> Counted:
    if request.param == "memory":
        return MemoryExtracted()
    return ExtractedBytes(request.getfixturevalue("stack").dynamodb, "RunsTable")


def test_bytes_add_up_by_instance_and_day(extracted: Counted) -> None:
    assert extracted.of_day("123-ABC-456", TODAY) == 0
    for munchkin_id, day, size in [
        ("123-ABC-456", TODAY, 10**8),
        ("123-ABC-456", TODAY, 1),
        ("123-ABC-456", TOMORROW, 2),
        ("789-XYZ-012", TODAY, 4),
    ]:
        extracted.add(munchkin_id, day, size)
    assert [extracted.of_day("123-ABC-456", day) for day in (TODAY, TOMORROW)] == [10**8 + 1, 2]
    assert extracted.of_day("789-XYZ-012", TODAY) == 4
