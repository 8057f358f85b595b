"""What stands in the JSON of a person's events, so that messages without it are not read."""

import json
from typing import Any

import pytest

from destination.domain.schema import Field, InvalidValueError, dedupe_key
from destination.domain.written_identity import may_have, written

TYPES = ["string", "phone", "text", "email", "integer", "float", "date", "datetime", "boolean"]
SENT: list[Any] = [
    *(0, 7, 417, 10**15, 10**17, -4, 1.5, 417.0, 4.0, -4.0, 1e17, -1e17, 1e22, 1.5e300, True),
    *("A-17", " a-17 ", "417", "0417", "4.0", "+4", "1e3", "Ada@Example.org", 'a"b\\c/d', "Zoë", "true"),
    *("2026-11-29", "2026-11-29T10:00:00Z", "2026-11-29T10:00:00+01:00"),
]


@pytest.mark.parametrize("data_type", TYPES)
@pytest.mark.parametrize("sent", SENT)
def test_no_event_of_the_person_is_passed_over(data_type: str, sent: Any) -> None:
    by = Field("key", data_type)
    try:
        key = dedupe_key(sent, by)
    except InvalidValueError:
        return
    assert may_have(json.dumps({"key": sent}), written(key, by))


@pytest.mark.parametrize("identity", ["ada@example.org", "A-17", "417", "12345678"])
def test_messages_of_others_are_passed_over(identity: str) -> None:
    assert not may_have(json.dumps({"key": "bob"}), written(identity, Field("key", "string")))


@pytest.mark.parametrize(
    ("identity", "data_type"), [("12345678901234567", "string"), ("4.5", "string"), ("417", "integer"), ("zoë", "text")]
)
def test_what_may_be_written_in_several_ways_is_looked_for_everywhere(identity: str, data_type: str) -> None:
    assert written(identity, Field("key", data_type)) is None
