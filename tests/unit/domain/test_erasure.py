"""The mark of a person who was erased, and what is left of a row."""

from datetime import timedelta

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.coalescing import in_any_namespace
from destination.domain.erasure import (
    EXPIRED,
    MAX_DURATION,
    Erasure,
    ErasureStatus,
    Step,
    is_of_before,
    marks_in,
    since,
)
from destination.domain.person import ConsentWord, LedgerRow
from testing.persons import START, audience, in_audience, minute, on, row, said, sent, unit, word

NAME = "0123456789abcdef"
MARK = minute(0)


def test_nothing_is_left_of_a_row_of_before() -> None:
    assert since(row(consent=word(given=False)), MARK) is None
    assert since(LedgerRow(), MARK) is None


def test_what_was_received_since_is_left_with_what_was_told_of_it() -> None:
    both = {audience("a"): in_audience(-60), audience("b"): in_audience(1)}
    before = row(desired=both, applied=on("a", 7) | on("b", 7), consent=word(given=True))
    assert since(before, MARK) == row(
        desired={audience("b"): in_audience(1)}, applied=on("b", 7), attributes=None, consent=None
    )


def test_what_counts_is_the_receipt_and_not_the_time_that_the_source_gives() -> None:
    of_old = in_audience(-60)._replace(said=said(-60, 1))
    of_later = in_audience(60)._replace(said=said(60, -1))
    left = since(row(desired={audience("a"): of_old, audience("b"): of_later}), MARK)
    assert left is not None
    assert left.desired == {audience("a"): of_old}


def test_what_is_received_at_the_mark_is_left() -> None:
    at_mark = row(desired={audience("a"): in_audience(0)}, attributes=sent(at=0), consent=ConsentWord(True, said(0)))
    assert since(at_mark, MARK) == at_mark


@pytest.mark.parametrize("left", [{"attributes": sent(at=1)}, {"consent": ConsentWord(False, said(1))}])
def test_attributes_and_consent_alone_keep_a_row(left: dict[str, object]) -> None:
    found = since(row(**left), MARK)
    assert found is not None
    assert (found.desired, found.applied) == ({}, {})


def test_of_an_audience_in_any_namespace_what_was_said_since_is_left() -> None:
    anywhere = AudienceKey(ANY_NAMESPACE, "a")
    before, later = (1, in_audience(-60)), (2, in_audience(1))
    found = since(row(desired={anywhere: in_any_namespace([before, later])}), MARK)
    assert found is not None
    assert found.desired == {anywhere: in_any_namespace([later])}


def test_a_mark_is_read_from_its_id() -> None:
    made, later = Erasure("c-1", NAME, minute(-1)), Erasure("c-1", NAME, START + timedelta(microseconds=1))
    assert marks_in([later.id, made.id]) == {NAME: later.at}
    assert made.id < later.id


def test_what_was_received_before_the_mark_is_of_before() -> None:
    marks = {NAME: minute(0)}
    assert is_of_before(unit(received=-1), NAME, marks)
    assert not is_of_before(unit(received=0), NAME, marks)
    assert not is_of_before(unit(received=-1), "another", marks)


def test_it_goes_from_step_to_step_and_fails_once_its_message_is_gone() -> None:
    made = Erasure("c-1", NAME, START, code="1077", cursor="x")
    steps = []
    while not made.is_done:
        assert made.status(START) is ErasureStatus.REQUESTED
        assert made.status(START + MAX_DURATION) is ErasureStatus.FAILED
        steps.append(made.step)
        made = made.beyond(made.step, minute(1))
        assert (made.code, made.cursor) == (None, None)
    assert steps == [Step.LISTS, Step.LETTERS, Step.PARKED, Step.RESULTS, Step.RUNS]
    assert (made.finished_at, made.status(START + MAX_DURATION)) == (minute(1), ErasureStatus.COMPLETED)
    assert made.drops_until == START + timedelta(days=60)


def test_why_it_is_not_done_is_told() -> None:
    made = Erasure("c-1", NAME, START)
    assert made.why(START) is None
    assert made.why(START + MAX_DURATION) == EXPIRED
    assert Erasure("c-1", NAME, START, code="1077").why(START + MAX_DURATION) == "1077"
