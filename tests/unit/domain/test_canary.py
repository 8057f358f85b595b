"""What an import says to the question of a canary, by what is seen once it has ended."""

import csv
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destination.domain.canary import (
    FIRST,
    JOB_TITLE,
    NO_FIELD,
    PATIENCE,
    Canary,
    CanaryStatus,
    OwnLead,
    Question,
    Reading,
    answer_of,
    file_of,
    newest_of,
)
from destination.domain.capabilities import CAPABILITIES, NOT_KNOWN, NOTHING_KNOWN, Capabilities
from testing.persons import MUNCHKIN, START

CANARY = Canary("0123abcd", "connection-1", MUNCHKIN, 1001, START, START, "canary@example.org", lead_id=3)
BY_ID, TOGETHER = Capabilities(joins_by_id=True), Capabilities(creates_on_list=False)
NO_LIST = Capabilities(joins_by_id=False)
ON, OFF = frozenset({3}), frozenset[int]()


def lead(lead_id: int, wrote: str | None = None, *, title: str | None = None, seconds: int = 0) -> OwnLead:
    return OwnLead(lead_id, START + timedelta(seconds=seconds), wrote, title)


def seen(*leads: OwnLead, on: frozenset[int] = OFF) -> Reading:
    return Reading(is_through=True, leads=leads, on_list=on)


REFUSED = Reading(is_through=False)


def written(question: Question, *leads: int, title: str | None = None, on: frozenset[int] = OFF) -> Reading:
    return seen(*(lead(one, question, title=title) for one in leads), on=on)


@pytest.mark.parametrize(
    ("question", "known", "reading", "answer"),
    [
        (Question.CREATES_ON_LIST, NOTHING_KNOWN, written(Question.CREATES_ON_LIST, 3, on=ON), True),
        (Question.CREATES_ON_LIST, NOTHING_KNOWN, written(Question.CREATES_ON_LIST, 3), False),
        (Question.CREATES_ON_LIST, NOTHING_KNOWN, seen(lead(3), on=ON), None),
        (Question.CREATES_ON_LIST, NOTHING_KNOWN, REFUSED, None),
        (Question.JOINS_BY_ID, NOTHING_KNOWN, written(Question.JOINS_BY_ID, 3, on=ON), True),
        (Question.JOINS_BY_ID, NOTHING_KNOWN, written(Question.JOINS_BY_ID, 3), False),
        (Question.JOINS_BY_ID, NOTHING_KNOWN, seen(lead(3), on=ON), None),
        (Question.JOINS_BY_ID, NOTHING_KNOWN, REFUSED, None),
        (Question.ID_IS_A_HEADER, BY_ID, seen(lead(3), on=ON), True),
        (Question.ID_IS_A_HEADER, BY_ID, seen(lead(3)), False),
        (Question.ID_IS_A_HEADER, NO_LIST, seen(lead(3)), True),
        (Question.ID_IS_A_HEADER, BY_ID, REFUSED, False),
        (Question.ID_IS_A_HEADER, NOTHING_KNOWN, REFUSED, None),
        (Question.ID_IS_A_HEADER, NOTHING_KNOWN, seen(lead(3), on=ON), None),
        (Question.KEEPS_BLANK, BY_ID, written(Question.KEEPS_BLANK, 3, title=JOB_TITLE), True),
        (Question.KEEPS_BLANK, BY_ID, written(Question.KEEPS_BLANK, 3), False),
        (Question.KEEPS_BLANK, BY_ID, written(Question.KEEPS_BLANK, 3, title="Engineer"), None),
        (Question.KEEPS_BLANK, BY_ID, seen(lead(3, title=JOB_TITLE)), None),
        (Question.KEEPS_BLANK, BY_ID, REFUSED, None),
        (Question.IGNORES_UNKNOWN_COLUMNS, BY_ID, written(Question.IGNORES_UNKNOWN_COLUMNS, 3), True),
        (Question.IGNORES_UNKNOWN_COLUMNS, BY_ID, seen(lead(3)), None),
        (Question.IGNORES_UNKNOWN_COLUMNS, NO_LIST, REFUSED, False),
        (Question.IGNORES_UNKNOWN_COLUMNS, NOTHING_KNOWN, REFUSED, None),
        (Question.UPDATES_NEWEST, TOGETHER, seen(lead(3, Question.UPDATES_NEWEST), lead(5)), True),
        (Question.UPDATES_NEWEST, TOGETHER, seen(lead(3), lead(5, Question.UPDATES_NEWEST)), False),
        (Question.UPDATES_NEWEST, TOGETHER, written(Question.UPDATES_NEWEST, 3, 5), False),
        (Question.UPDATES_NEWEST, TOGETHER, seen(lead(3), lead(5)), None),
        (Question.UPDATES_NEWEST, TOGETHER, REFUSED, False),
        (Question.UPDATES_NEWEST, NOTHING_KNOWN, REFUSED, None),
    ],
)
def test_what_was_written_where_answers(
    question: Question, known: Capabilities, reading: Reading, answer: bool | None
) -> None:
    assert answer_of(replace(CANARY, question=question, answers=known), reading) is answer


def test_nothing_is_answered_where_nothing_is_asked() -> None:
    assert answer_of(replace(CANARY, question=None), REFUSED) is None
    with pytest.raises(ValueError, match="nothing is asked"):
        replace(CANARY, question=None).answered(True, START)


@pytest.mark.parametrize("question", Question)
def test_a_file_has_one_row_whose_last_cell_is_filled_and_that_says_what_it_asks(question: Question) -> None:
    [header, row] = csv.reader(file_of(replace(CANARY, question=question), 3).decode().splitlines())
    cells = dict(zip(header, row, strict=True))
    by_email = question in {Question.CREATES_ON_LIST, Question.UPDATES_NEWEST}
    assert row[0] == ("canary@example.org" if by_email else "3")
    assert row[-1]
    assert cells.get("firstName", question) == question
    assert (NO_FIELD in cells) == (question is Question.IGNORES_UNKNOWN_COLUMNS)
    assert ("" in row) == (question is Question.KEEPS_BLANK)
    assert (header == ["id"]) == (question is Question.ID_IS_A_HEADER)
    assert ("lastName" in header) == (question is FIRST)


def test_a_canary_goes_from_question_to_question_and_then_cleans() -> None:
    canary = replace(CANARY, batch_id=7)
    for number, question in enumerate(Question):
        assert (canary.question, canary.asked, canary.status) == (question, number, CanaryStatus.ASKING)
        canary = canary.answered(number % 2 == 0, START + timedelta(minutes=number))
        assert (canary.batch_id, canary.lead_id, canary.begun_at) == (None, None, START + timedelta(minutes=number))
    assert (canary.question, canary.asked, canary.status) == (None, len(Question), CanaryStatus.CLEANING)
    assert [getattr(canary.answers, one) for one in Question] == [True, False] * 3
    assert canary.finished((), START).status is CanaryStatus.COMPLETED


def test_one_that_is_ended_early_cleans_and_has_failed() -> None:
    ended = replace(CANARY, batch_id=7).ended("603", START)
    assert (ended.status, ended.question, ended.batch_id) == (CanaryStatus.CLEANING, None, None)
    failed = ended.finished([3], START)
    assert (failed.status, failed.code, failed.left, failed.email) == (CanaryStatus.FAILED, "603", (3,), None)


def test_a_question_is_late_after_an_hour() -> None:
    assert not CANARY.is_late(START + PATIENCE - timedelta(seconds=1))
    assert CANARY.is_late(START + PATIENCE)


@pytest.mark.parametrize(
    ("leads", "newest"),
    [
        ([lead(3, seconds=2), lead(5, seconds=1)], 3),
        ([lead(5, seconds=1), lead(3, seconds=2), lead(7, seconds=1)], 3),
        ([lead(3, seconds=1), lead(5, seconds=1)], None),
        ([lead(3, seconds=1), lead(5, seconds=2)], None),
        ([lead(3)], None),
    ],
)
def test_the_lead_that_was_made_first_has_to_be_updated_last(leads: list[OwnLead], newest: int | None) -> None:
    found = newest_of(leads)
    assert (found and found.id) == newest


def test_every_answer_has_a_sentence_for_each_way_it_may_be() -> None:
    assert {one.name for one in CAPABILITIES} == {one.value for one in Question}
    for one in CAPABILITIES:
        known: list[dict[str, Any]] = [{one.name: answer} for answer in (True, False, None)]
        said = [one.told(replace(NOTHING_KNOWN, **each)) for each in known]
        assert len(set(said)) == 3
        assert said[2] == NOT_KNOWN
