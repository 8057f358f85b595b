"""Results, turn by turn: in memory as in the bucket."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

import pytest

from destination.control import persons as control
from destination.delivery import results as delivery
from destination.domain.audience import AudienceKey
from destination.domain.flaw import Flaw
from destination.domain.not_arrived import NotArrived, ResultsKey
from destination.domain.outcome import Class
from destination.domain.person import Origin
from destination.store.errors import NotFoundError
from destination.store.results import Results
from testing.aws import Aws
from testing.memory import MemoryResults
from testing.persons import RUN, START

LATER_RUN = "2026-11-21T11:00Z"


class AnyResults(delivery.Results, control.Results, Protocol):
    """All that is asked of them."""

    def erase(self, connection_id: str, /) -> bool: ...


@pytest.fixture(params=["memory", "bucket"])
def results(request: pytest.FixtureRequest) -> AnyResults:
    if request.param == "memory":
        return MemoryResults()
    stack: Aws = request.getfixturevalue("stack")
    return Results(stack.s3, stack.bucket)


def key(number: int = 0, connection_id: str = "c-1", run_id: str = RUN, **changes: Any) -> ResultsKey:
    """One whose time is a whole second, as those of names are."""
    return replace(ResultsKey(connection_id, run_id, START + timedelta(seconds=number), 2, f"{number:012x}"), **changes)


PERSONS = [
    NotArrived(
        Origin("e-1", "0.1", RUN, 2),
        7,
        Class.FAILED,
        "INVALID_ATTRIBUTE",
        START + timedelta(microseconds=1),
        person_id="Zoë\u2028\n\N{GRINNING FACE}, 7",
        flaws=(Flaw("leadScore", "INVALID_VALUE", "not a number", "text of 4 characters"), Flaw("a", "MISSING", "?")),
        audiences=(AudienceKey("ups", "a#1"), AudienceKey("", "ü")),
    ),
    NotArrived(Origin("e-2", "1", RUN), 0, Class.EXCLUDED, "PERSON_NOT_FOUND", START, pseudonym="0123456789abcdef"),
    NotArrived(Origin("e-2", "2", RUN), 1, Class.EXCLUDED, "MISSING_DEDUPE_VALUE", START),
]


def test_results_read_as_they_were_written(results: AnyResults) -> None:
    results.put(key(1), PERSONS)
    assert results.get(key(1)) == PERSONS
    with pytest.raises(NotFoundError):
        results.get(key(2))


def test_the_results_of_a_run_are_listed_by_the_time_they_were_written(results: AnyResults) -> None:
    for number in (3, 1, 2):
        results.put(key(number), PERSONS)
    results.put(key(1, "c-10"), PERSONS)
    results.put(key(1, run_id=LATER_RUN), PERSONS)
    assert list(results.of("c-1", RUN)) == [key(1), key(2), key(3)]
    assert list(results.of("c-1", RUN, key(1).name)) == [key(2), key(3)]
    assert list(results.of("c-1", RUN, key(3).name)) == []
    assert list(results.of("c-1", LATER_RUN)) == [key(1, run_id=LATER_RUN)]
    assert list(results.of("c-2", RUN)) == []


def test_the_results_of_one_connection_alone_are_erased(results: AnyResults) -> None:
    results.put(key(1), PERSONS)
    results.put(key(1, run_id=LATER_RUN), PERSONS)
    results.put(key(1, "c-10"), PERSONS)
    while not results.erase("c-1"):
        continue
    assert [list(results.of("c-1", run)) for run in (RUN, LATER_RUN)] == [[], []]
    assert list(results.of("c-10", RUN)) == [key(1, "c-10")]


@pytest.mark.parametrize("name", ["", "notes.txt", f"deeper/{key(2).name}"])
def test_an_object_that_is_none_of_ours_keeps_nobody_from_the_results(stack: Aws, name: str) -> None:
    results = Results(stack.s3, stack.bucket)
    results.put(key(1), PERSONS)
    stack.s3.put_object(Bucket=stack.bucket, Key=f"results/c-1/{RUN}/{name}", Body=b"")
    assert list(results.of("c-1", RUN)) == [key(1)]
