"""Letters: what a name says of them, and what they are once redriven."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain.letter import (
    MAX_BUNDLE_BYTES,
    RETENTION,
    Letter,
    LetterBundle,
    LettersOfCode,
    by_code,
    together,
)
from destination.domain.parking import MAX_TRIES, MAX_WAIT, Bundle, WaitsFor
from testing.persons import START

ID = "0" * 31 + "1"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def letter(code: str = "MARKETO_1003", size: int = 10, age: timedelta = DAY, attempt: int = 1) -> Letter:
    return Letter("x" * size, code, START - age, attempt)


def bundle(code: str = "A", seconds: int = 0, events: int = 1) -> LetterBundle:
    return LetterBundle("c-1", code, START + seconds * SECOND, START, events, 1, ID)


def test_a_bundle_tells_what_is_to_be_counted() -> None:
    letters = [letter(size=10), letter(size=30, age=2 * DAY, attempt=MAX_TRIES)]
    made = LetterBundle.of("c-1", letters, START, ID)
    since = START - 2 * DAY + (MAX_TRIES - 1) * MAX_WAIT
    assert since > START
    assert made == LetterBundle("c-1", "MARKETO_1003", START, START, 2, 40, ID), "since now, at the latest"
    assert LetterBundle.named("c-1", made.name) == made


@given(
    st.builds(
        LetterBundle,
        st.just("c-1"),
        st.from_regex(r"[A-Za-z0-9_]{1,64}", fullmatch=True),
        st.integers(0, 10**8).map(lambda seconds: START + seconds * SECOND),
        st.integers(0, 10**8).map(lambda seconds: START - seconds * SECOND),
        st.integers(1, 10**6),
        st.integers(1, 10**7),
        st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    )
)
def test_a_name_says_all_of_a_bundle(one: LetterBundle) -> None:
    assert LetterBundle.named(one.connection_id, one.name) == one
    assert Bundle.named(one.connection_id, one.redriven.name) == one.redriven


@pytest.mark.parametrize("code", ["", "a/b", "10 03", "ü", "x" * 200, "../../parked"])
def test_whatever_a_code_is_letters_have_a_name_that_can_be_read(code: str) -> None:
    made = LetterBundle.of("c-1", [letter(code)], START, ID)
    assert "/" not in made.name
    assert LetterBundle.named("c-1", made.name) == made


@pytest.mark.parametrize(
    "name",
    ["", "notes.txt", "20261121T100000Z-20261121T100000Z-1-1-A-1", "20261321T100000Z-20261121T100000Z-1-1-A-" + ID],
)
def test_what_is_no_name_of_letters_is_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        LetterBundle.named("c-1", name)


@pytest.mark.parametrize("failed_after", [timedelta(0), DAY, MAX_WAIT])
@pytest.mark.parametrize("attempt", [1, 2])
def test_who_is_redriven_before_the_letter_expires_has_time_left(failed_after: timedelta, attempt: int) -> None:
    """Whenever it fails within the time it may wait, of the first and of the second attempt."""
    received_at = START
    failed_at = received_at + (attempt - 1) * MAX_WAIT + failed_after
    made = LetterBundle.of("c-1", [Letter("x", "A", received_at, attempt)], failed_at, ID)
    assert made.redriven.waits_for is WaitsFor.RETRY
    assert failed_at + RETENTION - made.redriven.oldest_at < MAX_WAIT


def test_letters_are_summed_up_by_their_code_most_first() -> None:
    bundles = [bundle("A", 5, 2), bundle("B", 1, 4), bundle("A", 3, 1), bundle("C", 2, 4)]
    at = [START + seconds * SECOND for seconds in range(6)]
    assert by_code(bundles) == [
        LettersOfCode("B", 4, at[1], at[1]),
        LettersOfCode("C", 4, at[2], at[2]),
        LettersOfCode("A", 3, at[3], at[5]),
    ]
    assert by_code(bundles)[2].expires_at == at[3] + RETENTION
    assert by_code([]) == []


@given(
    st.lists(
        st.builds(
            letter, st.sampled_from("ABC"), st.sampled_from([1, 10, MAX_BUNDLE_BYTES // 2, MAX_BUNDLE_BYTES - 1])
        ),
        max_size=8,
    )
)
def test_letters_of_one_code_are_together_as_long_as_they_can_be_delivered_together(letters: list[Letter]) -> None:
    found = together(letters)
    assert sorted(place for places in found for place in places) == list(range(len(letters)))
    sizes = [sum(len(letters[place].body) for place in places) for places in found]
    assert all(size <= MAX_BUNDLE_BYTES for size in sizes)
    assert all(len({letters[place].code for place in places}) == 1 for places in found)
    for before, after in itertools.pairwise(found):
        first = letters[after[0]]
        is_of_one = letters[before[0]].code == first.code
        assert not is_of_one or sum(len(letters[place].body) for place in before) + len(first.body) > MAX_BUNDLE_BYTES
