"""What is refused and warned of once Marketo's schema is known."""

import pytest

from destination.domain.check import mapping_problems, mapping_warnings
from destination.domain.connection import MappingRow, WhenEmpty, WhenMissing
from destination.domain.schema import Field, Schema
from testing.persons import connection

SCHEMA = Schema({one.name: one for one in (Field("isVip", "boolean"), Field("company", "string", 255))})
MANAGED = Schema({"email": Field("email", "email", 255, crm_managed=True), **SCHEMA.fields})
DEDUPE = MappingRow("email", "DedupeField")


def found(row: MappingRow) -> dict[str, str]:
    return {one.path: one.message for one in mapping_problems(connection(mapping=(DEDUPE, row)), SCHEMA)}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("when_missing", MappingRow("vip", "isVip", when_missing=WhenMissing.CLEAR)),
        ("when_empty", MappingRow("vip", "isVip", when_empty=WhenEmpty.SEND)),
    ],
)
def test_a_boolean_cannot_be_emptied(name: str, row: MappingRow) -> None:
    problems = found(row)
    assert list(problems) == [f"mapping[1].{name}"]
    assert "no for everybody without a value" in problems[f"mapping[1].{name}"]


def test_others_can_be_emptied() -> None:
    assert found(MappingRow("company", "company", WhenMissing.CLEAR, WhenEmpty.SEND)) == {}
    assert found(MappingRow("vip", "isVip")) == {}


@pytest.mark.parametrize(("target", "paths"), [("email", ["mapping[1].target"]), ("company", [])])
def test_a_field_that_the_crm_writes_too_is_warned_of(target: str, paths: list[str]) -> None:
    """That people are found by one changes nothing in it."""
    of = connection(mapping=(DEDUPE, MappingRow("x", target)))
    assert [one.path for one in mapping_warnings(of, MANAGED)] == paths
    assert mapping_problems(of, MANAGED) == []
