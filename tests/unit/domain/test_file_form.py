"""Headers that fit and that do not, and the records that rows become."""

from dataclasses import replace
from typing import Any

import pytest

from destination.domain.connection import MappingRow
from destination.domain.file import audience_in_name
from destination.domain.file_form import (
    FileForm,
    FileFormat,
    fit,
    form_of_name,
    form_problems,
    likely_separator,
    record_of,
    take_own_membership,
)
from testing.persons import connection

MAPPED = replace(
    connection(),
    mapping=(
        MappingRow("identityMap.Email", "DedupeField"),
        MappingRow("person.name.firstName", "firstName"),
        MappingRow("city", "city"),
    ),
)
STATUS = "segmentMembership.seg_namespace.seg_id.status"


@pytest.mark.parametrize(
    ("columns", "status", "needs_status", "missing", "absent"),
    [
        (["identityMap.email", "person.name.firstName", "city"], None, False, (), ()),
        (["identityMap.Email", "x"], None, False, (), ("person.name.firstName", "city")),
        (["person.name.firstName", "city"], None, False, ("identityMap.Email",), ()),
        (["identityMap.Email", "person.name.firstName", "city"], None, True, ("status",), ()),
        (["identityMap.Email", "person.name.firstName", "city", "Status"], None, True, (), ()),
        (["identityMap.Email", "person.name.firstName", "city", STATUS], None, True, (), ()),
        (["identityMap.Email", "person.name.firstName", "city"], "is_in", True, ("is_in",), ()),
    ],
)
def test_what_a_header_must_have(
    columns: list[str], status: str | None, needs_status: bool, missing: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    found = fit(columns, MAPPED, status, needs_status=needs_status)
    assert (found.missing, found.absent, found.is_fit) == (missing, absent, not missing)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (["a", "a"], "the name of another one: a"),
        (["a", ""], "column 2 has no name"),
        (["a.b", "a"], "a value and what holds it"),
        (["x" * 201], "longer than 200 characters"),
        ([str(number) for number in range(100_000)], "100000 columns"),
    ],
)
def test_headers_that_are_none(columns: list[str], told: str) -> None:
    found = fit(columns, MAPPED, None, needs_status=False)
    assert not found.is_fit
    assert told in found.problems[0]


def test_a_row_becomes_a_record_whose_names_nest() -> None:
    columns = ["identityMap.Email", "person.name.firstName", "person.name.lastName", "city", STATUS]
    assert record_of(columns, ["ada@example.org", "Ada", "", "London", "Active"]) == {
        "identityMap": {"Email": [{"id": "ada@example.org"}]},
        "person": {"name": {"firstName": "Ada"}},
        "city": "London",
        "segmentMembership": {"seg_namespace": {"seg_id": {"status": "Active"}}},
    }


@pytest.mark.parametrize(
    ("record", "status", "needs_status", "is_in"),
    [
        ({}, None, False, True),
        ({"status": "VIP"}, None, False, True),
        ({"status": "Active"}, None, True, True),
        ({"status": "expired"}, None, True, False),
        ({"status": "EXITED"}, None, True, False),
        ({"status": "VIP"}, None, True, None),
        ({}, None, True, None),
        ({"deep": {"er": "removed"}}, "deep.er", True, False),
        ({"segmentMembership": {"ups": {"x": {"status": "Expired"}}}}, None, False, False),
        ({"segmentMembership": {"ups": {"x": {"status": "Active"}}}}, None, True, True),
        ({"segmentMembership": "odd"}, None, False, True),
    ],
)
def test_what_a_row_says_of_the_files_audience(
    record: dict[str, Any], status: str | None, needs_status: bool, is_in: bool | None
) -> None:
    assert take_own_membership(record, status, needs_status=needs_status).is_in is is_in
    assert "segmentMembership" not in record


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("people.csv", FileForm(FileFormat.CSV)),
        ("PEOPLE.TSV.GZ", FileForm(FileFormat.CSV, "\t")),
        ("people.jsonl", FileForm(FileFormat.JSON)),
        ("people.json.gz", FileForm(FileFormat.JSON)),
        ("people", FileForm(FileFormat.CSV)),
    ],
)
def test_what_a_name_says(name: str, form: FileForm) -> None:
    assert form_of_name(name) == form


def test_what_is_wrong_with_a_form() -> None:
    wrong = FileForm(FileFormat.CSV, '"', "ebcdic", "x" * 201)
    assert [one.path for one in form_problems(wrong)] == ["separator", "encoding", "status"]
    assert not list(form_problems(FileForm(FileFormat.CSV, "~", "Latin1")))


def test_the_likely_separator() -> None:
    assert [likely_separator(one) for one in ("a,b", "a;b;c,d", "a|b", "a\tb", "a")] == [",", ";", "|", "\t", ","]


@pytest.mark.parametrize(
    ("name", "audience"),
    [
        ("S3_segment5bbb1b8a-6d3c-4a8e-9a4e-2f6a7a0c9b11_20261121101112.csv", "5bbb1b8a-6d3c-4a8e-9a4e-2f6a7a0c9b11"),
        ("S3_segmenta_b_20261121101112_2.csv.gz", "a_b"),
        ("people.csv", None),
    ],
)
def test_the_audience_in_adobes_names(name: str, audience: str | None) -> None:
    assert audience_in_name(name) == audience
