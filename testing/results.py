"""Who did not arrive, by the list and by the counters, which are to agree whatever has happened."""

from collections import Counter

from destination.control.persons import PersonQuery, ReadPersons
from destination.domain.audience import AudienceKey
from destination.domain.not_arrived import Ended
from destination.domain.outcome import OTHER
from testing.world import World

_CLASSES = frozenset({"excluded", "failed"})


def not_arrived(world: World, run_id: str, wanted: PersonQuery | None = None, page: int = 2) -> list[Ended]:
    """All that is told of a run, read in pages of so many."""
    read = ReadPersons(world.connections, world.ledger.runs, world.results, world.ledger, lambda: world.now)
    query = wanted or PersonQuery()
    found: list[Ended] = []
    cursor = None
    while True:
        answer = read(
            world.connection.id,
            run_id,
            PersonQuery(query.outcome, query.code, query.activation_id, cursor=cursor, limit=page),
        )
        assert len(answer.persons) <= page
        found += answer.persons
        cursor = answer.cursor
        if cursor is None:
            return found


def assert_listed(world: World) -> None:
    """Of each run those are listed who are counted as excluded or failed, each once and for the reason counted."""
    for (owner, run_id), run in world.ledger.runs.stored.items():
        if owner != world.connection.id:
            continue
        told = not_arrived(world, run_id)
        assert len({one.person.event for one in told}) == len(told)
        listed = Counter((one.person.outcome.value, one.person.code) for one in told)
        assert listed == {
            (why.outcome.value, why.code): number
            for why, number in run.tally.reasons.items()
            if why.outcome.value in _CLASSES
        }
        assert all(why.code != OTHER for why in run.tally.reasons), "no history here has that many reasons"


def events_of(told: list[Ended], audience: AudienceKey) -> list[str]:
    """The events of those for whom nothing changed in an audience."""
    return [one.person.event for one in told if audience in one.person.audiences]
