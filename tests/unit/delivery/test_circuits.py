"""What is handed over of circuits: it must fit into the instance's item, whatever was refused."""

from datetime import timedelta

from destination.delivery.circuits import MAX_KEPT, Circuits
from destination.domain.refusal import Circuit
from testing.persons import START

SECOND = timedelta(seconds=1)


def test_the_latest_are_kept_where_there_are_too_many() -> None:
    known = {f"add to list {one}": Circuit(START - one * SECOND) for one in range(2 * MAX_KEPT)}
    kept = Circuits(lambda: START, known=known).by_now()
    assert set(kept) == {f"add to list {one}" for one in range(MAX_KEPT)}
