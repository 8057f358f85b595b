"""Which XDM types fit which of Marketo's types."""

import pytest

from destination.domain.connection import SourceType
from destination.domain.schema import Field
from destination.domain.xdm import TYPES, loss, mismatch, not_joined, unsupported

UNSUPPORTED = {SourceType.ARRAY, SourceType.OBJECT, SourceType.MAP, SourceType.BYTE}


def test_every_type_has_its_row() -> None:
    assert TYPES.keys() == set(SourceType)
    assert {one for one in SourceType if not TYPES[one]} == UNSUPPORTED
    assert {one for one in SourceType if unsupported(one, None)} == UNSUPPORTED


@pytest.mark.parametrize(
    ("source", "types"),
    [
        ("string", ["string", "textarea", "url", "phone", "email"]),
        ("enum", ["string"]),
        ("date", ["date"]),
        ("date-time", ["datetime"]),
        ("integer", ["integer"]),
        ("short", ["integer"]),
        ("long", ["float"]),
        ("double", ["currency", "float", "percent"]),
        ("boolean", ["boolean"]),
    ],
)
def test_what_adobe_s_table_allows_fits(source: str, types: list[str]) -> None:
    assert [mismatch(SourceType(source), Field("field", one)) for one in types] == [None] * len(types)


@pytest.mark.parametrize(
    ("source", "into"),
    [("string", "integer"), ("boolean", "integer"), ("integer", "boolean"), ("double", "integer"), ("enum", "email")],
)
def test_what_does_not_fit_says_what_would(source: str, into: str) -> None:
    why = mismatch(SourceType(source), Field("field", into))
    assert why is not None
    assert f"field is of Marketo's type {into}" in why
    assert "leave source_type out" in why


@pytest.mark.parametrize(
    ("source", "into", "word"),
    [
        ("long", "float", "digits"),
        ("long", "integer", "CRM"),
        ("double", "percent", "whole numbers"),
        ("date-time", "date", "time of day"),
        ("long", "string", None),
        ("integer", "float", None),
    ],
)
def test_what_is_lost_is_said(source: str, into: str, word: str | None) -> None:
    why = loss(SourceType(source), Field("field", into))
    assert (why is None) == (word is None)
    assert word is None or word in str(why)


def test_a_type_that_marketo_does_not_tell_is_taken() -> None:
    assert mismatch(SourceType.STRING, Field("field", "")) is None


def test_an_array_fits_once_its_values_are_joined_and_nothing_else_does() -> None:
    assert {one for one in SourceType if unsupported(one, ";")} == UNSUPPORTED - {SourceType.ARRAY}


@pytest.mark.parametrize(
    ("data_type", "is_taken"), [("string", True), ("textarea", True), ("", True), ("boolean", False)]
)
def test_joined_values_are_text(data_type: str, *, is_taken: bool) -> None:
    assert (not_joined(Field("tags", data_type)) is None) is is_taken
