"""A list that is read by an extract is verified as one that is read page by page, whoever is on it or known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.lead_extract import ExtractStage
from destination.domain.person import Applied, LedgerRow
from destination.domain.shard import name_of
from destination.domain.verification import AudienceCheck, ListSize, Repair, Verification
from destination.queue import verification_message
from testing.persons import in_audience, out_of_audience
from testing.world import START, World, audience

ID = "20261121T100000000000Z-0a1b2c3d"
LIST = 1001
LEADS = range(1, 7)


@dataclass(frozen=True)
class Person:
    """What the ledger says of whoever has the e-mail address of a lead's number.

    `is_in`: whether the source wants them in the audience, None where it said nothing; `leads`: those that Marketo was
    told of, None where it was told nothing; `lead_id`: theirs, as far as it is known.
    """

    number: int
    is_in: bool | None
    leads: tuple[int, ...] | None
    lead_id: int | None


@dataclass(frozen=True)
class Case:
    """`emails`: by lead the number in its address, 0 for none; leads that are not there are no more."""

    emails: dict[int, int]
    members: frozenset[int]
    people: Sequence[Person]
    repair: frozenset[Repair]


NUMBER = st.sampled_from(LEADS)


@st.composite
def people(draw: st.DrawFn) -> Sequence[Person]:
    """Most of whom are the lead of their number, some with another lead beside it or instead of it."""
    found: list[Person] = []
    for number in draw(st.sets(NUMBER)):
        own, other = number, draw(NUMBER)
        leads = draw(st.sampled_from([None, (), (own,), (other,), tuple({own, other})]))
        lead_id = draw(st.sampled_from([None, own, own, other]))
        found.append(Person(number, draw(st.sampled_from([True, False, False, None])), leads, lead_id))
    return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    emails: dict[int, int] = {}
    for one in LEADS:
        number = draw(st.sampled_from([one, one, one, *LEADS, 0, None]))
        if number is not None:
            emails[one] = number
    repair = draw(st.sampled_from([frozenset({Repair.LEAVERS}), frozenset(Repair), frozenset()]))
    return Case(emails, draw(st.frozensets(NUMBER, min_size=4)), draw(people()), repair)


def address(number: int) -> str | None:
    return f"p{number}@example.com" if number else None


def world_of(case: Case, extract_from: int) -> World:
    leads = [{"id": one, "email": address(number)} for one, number in sorted(case.emails.items())]
    world = World(leads=leads, extract_from=extract_from)
    world.simulator.state.lists[LIST].members.update(case.members & case.emails.keys())
    for one in case.people:
        desired = {} if one.is_in is None else {audience("a"): in_audience() if one.is_in else out_of_audience()}
        applied = {} if one.leads is None else {audience("a"): Applied(LIST, one.leads)}
        row = LedgerRow(desired, applied, None, None, one.lead_id, START)
        world.ledger.people[world.connection.id, name_of(address(one.number) or "")] = row
    activation = world.target.activations[audience("a")]
    world.verifications.sizes[world.connection.id] = {activation.id: ListSize(LIST, len(LEADS), START)}
    return world


def verified(world: World, repair: frozenset[Repair]) -> AudienceCheck:
    made = Verification(ID, world.connection.id, repair, world.now, 1, is_whole=True)
    world.verifications.create(made, [AudienceCheck.of(world.target.activations[audience("a")], LIST)])
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])
    while world.queue.waiting:
        world.deliver()
        world.sleep(min((world.queue.invisible_for.get(one, 0) for one in world.queue.waiting), default=0))
    return world.verifications.found[ID, 0]


@given(case=cases())
def test_an_extract_and_pages_lead_to_the_same(case: Case) -> None:
    paged, extracted = world_of(case, len(LEADS) + 1), world_of(case, len(LEADS))
    by_pages, by_extract = verified(paged, case.repair), verified(extracted, case.repair)
    assert by_pages.extract is None
    assert by_extract.extract is not None
    assert by_extract.extract.stage is ExtractStage.READ
    assert replace(by_extract, extract=None) == by_pages
    assert extracted.members("a") == paged.members("a")
    assert extracted.ledger.people == paged.ledger.people
    assert extracted.verifications.left == paged.verifications.left
