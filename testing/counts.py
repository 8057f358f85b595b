"""What the runs of a world add up to, and the identity that every run keeps."""

from collections import Counter

from destination.domain.outcome import Class
from destination.domain.person import Applied
from testing.world import World, audience

CLASSES = tuple(one.value for one in Class)


def outcomes(world: World) -> dict[str, int]:
    """Received persons by class; classes nobody is in are left out."""
    counts = world.ledger.total(world.connection.id).counts
    return {name: counts[name] for name in CLASSES if counts[name]}


def reasons(world: World) -> dict[str, int]:
    """Persons by the code of why they were not activated."""
    return {why.code: number for why, number in world.ledger.total(world.connection.id).reasons.items()}


def changes(world: World) -> dict[str, int]:
    """What Marketo was told; what it was told nothing of is left out."""
    counts = world.ledger.total(world.connection.id).counts
    return {name: counts[name] for name in ("created", "updated", "added", "removed") if counts[name]}


def received(world: World) -> int:
    return world.ledger.total(world.connection.id).counts["received"]


def outcomes_of(world: World, name: str) -> dict[str, int]:
    """The same for the persons of one audience."""
    audiences = world.ledger.total(world.connection.id).audiences
    counted = sum((one.counts for key, one in audiences.items() if key.id == name), Counter[str]())
    return {one: counted[one] for one in CLASSES if counted[one]}


def counted(world: World, envelope_id: str) -> set[str]:
    """The numbers of an envelope whose outcome is final."""
    marks = world.ledger.marks.items()
    return {number for (_, _, envelope), numbers in marks if envelope == envelope_id for number in numbers}


def applied(world: World, email: str, name: str) -> Applied | None:
    """What Marketo was told of a person's membership in an audience, as far as the ledger knows."""
    row = world.ledger.row(world.connection.id, email)
    return row.applied.get(audience(name)) if row is not None else None


def assert_known(world: World, *emails: str) -> None:
    """What the ledger is sure of is so in Marketo, and where it is not it names every lead that may be on the list."""
    for email in emails:
        for name in "ab":
            told = applied(world, email, name)
            on_list = {one["id"] for one in world.leads_by_email(email)} & set(world.members(name))
            if told is not None:
                assert on_list == set(told.leads) if told.is_sure else on_list <= set(told.leads)


def assert_balanced(world: World) -> None:
    """received = activated + unchanged + excluded + failed, in every run and for every audience of it."""
    for run in world.ledger.runs.stored.values():
        for counted in (run.tally.counts, *(one.counts for one in run.tally.audiences.values())):
            assert counted["received"] == sum(counted[name] for name in CLASSES)
