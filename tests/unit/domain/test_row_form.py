"""Which forms of rows make sense, and where their places lead."""

from dataclasses import replace

import pytest

from destination.domain.connection_rules import connection_problems
from destination.domain.path import PathError
from destination.domain.row_form import MAX_WORD_LENGTH, MAX_WORDS, Place, RowForm, row_form_problems, word
from testing.persons import connection

GOOD = RowForm("$.data.users", "email", "$.id", "crm", "status", ("in",), ("out",), "at")


def paths(form: RowForm) -> list[str]:
    return [one.path for one in row_form_problems(form)]


def test_a_form_with_places_and_words_makes_sense_and_so_does_one_of_nothing() -> None:
    assert paths(GOOD) == paths(RowForm()) == []


@pytest.mark.parametrize(
    ("form", "path"),
    [
        (replace(GOOD, value="a..b"), "value"),
        (replace(GOOD, audience="$."), "audience"),
        (replace(GOOD, status="a[x]"), "status"),
        (replace(GOOD, time=""), "time"),
        (replace(GOOD, value="identityMap.email"), "value"),
        (replace(GOOD, records="users[0]"), "records"),
        (replace(GOOD, records="a b["), "records"),
        (replace(GOOD, namespace=""), "namespace"),
        (replace(GOOD, namespace="n" * 65), "namespace"),
        (replace(GOOD, realized=()), "realized"),
        (replace(GOOD, exited=("x" * (MAX_WORD_LENGTH + 1),)), "exited"),
        (replace(GOOD, exited=tuple(map(str, range(MAX_WORDS + 1)))), "exited"),
        (replace(GOOD, realized=("In",), exited=("out", " IN")), "exited"),
    ],
)
def test_what_is_wrong_with_a_form_is_told_at_its_property(form: RowForm, path: str) -> None:
    assert paths(form) == [path]


def test_a_form_is_for_rows_alone() -> None:
    assert connection_problems(connection(source_format="rows", rows=GOOD)) == []
    told = [one.path for one in connection_problems(connection(source_format="aep", rows=replace(GOOD, time="")))]
    assert told == ["source.rows", "source.rows.time"]


def test_a_place_leads_into_the_row_or_after_the_dollar_into_the_body() -> None:
    row, body = {"a": {"b": 1}}, {"a": {"b": [2, None, 3]}}
    assert Place.of("a.b").values(row, body) == [1]
    assert Place.of("$.a.b").values(row, body) == [2, 3]
    assert Place.of("a.b").values("text", body) == []
    assert Place.of("a.b").list_in(body) == [2, None, 3]
    assert Place.of("a").list_in(body) is None
    with pytest.raises(PathError):
        Place.of("identityMap.email")


@pytest.mark.parametrize(
    ("value", "as_word"),
    [(True, "true"), (False, "false"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (" In ", "in"), (None, ""), ({"a": 1}, "")],
)
def test_a_status_is_compared_as_a_word(value: object, as_word: str) -> None:
    assert word(value) == as_word
