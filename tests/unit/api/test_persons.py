"""Pages of who did not arrive are no larger than Lambda answers, and nobody is left out between them."""

import csv
import json
from dataclasses import replace

import pytest

from destination.api.persons import PersonOut, PersonPage, csv_lines
from destination.domain.audience import AudienceKey
from destination.domain.not_arrived import Ended, NotArrived, PersonsPage
from destination.domain.outcome import Class
from destination.domain.person import Origin
from destination.marketo.reasons import message_of
from testing.persons import RUN, START

AUDIENCES = tuple(AudienceKey("ups", f"{number:0>200}") for number in range(500))
LIMIT = 5_000_000


def ended(number: int) -> Ended:
    one = NotArrived(
        Origin("e-1", str(number), RUN),
        0,
        Class.EXCLUDED,
        "PERSON_NOT_FOUND",
        START,
        person_id="\N{GRINNING FACE}" * 255,
        audiences=AUDIENCES,
    )
    return Ended(one, START, f"cursor {number}")


def test_a_page_ends_before_it_is_too_large_and_the_next_begins_with_who_is_left() -> None:
    names = dict.fromkeys(AUDIENCES, "Ü" * 255)
    left, read = [ended(number) for number in range(20)], 0
    while left:
        page = PersonPage.of(PersonsPage(tuple(left), names, "more"), message_of, LIMIT)
        assert len(json.dumps(page.model_dump_json())) <= LIMIT + 1_000
        assert [one.event for one in page.persons] == [f"e-1/{read + number}" for number in range(len(page.persons))]
        read, left = read + len(page.persons), left[len(page.persons) :]
        assert page.cursor == (f"cursor {read}" if left else "more")
    assert read == 20


def test_somebody_who_is_too_large_alone_is_shown_all_the_same() -> None:
    page = PersonPage.of(PersonsPage((ended(0), ended(1)), {}), message_of, 10)
    assert (len(page.persons), page.cursor) == (1, "cursor 1")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("person_id", ["=1+1", "\n=1+1", "\uff1d1+1", "x;=1+1", "x\t=1+1", "x,=1+1", '";=1+1'])
def test_no_cell_is_a_formula_whatever_separates_cells(person_id: str, separator: str) -> None:
    """Source: OWASP, "CSV Injection": what a cell may begin with, and separators that make another cell of an id."""
    told = replace(ended(0), person=replace(ended(0).person, person_id=person_id, audiences=()))
    text = csv_lines([PersonOut.of(told, {}, message_of)], with_header=False)
    [row] = csv.reader([text], delimiter=separator)
    assert [cell for cell in row if cell.lstrip(" ").startswith(("=", "\n", "\uff1d"))] == []
