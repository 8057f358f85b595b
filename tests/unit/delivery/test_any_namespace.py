"""An audience that is activated without a namespace: whoever is in it in any namespace is on its list."""

from dataclasses import replace

import pytest

from destination.domain.audience import ANY_NAMESPACE, Activation, AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.outcome import Class
from testing.counts import outcomes
from testing.persons import ADA, audience, event, minute
from testing.world import World

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
ANY = AudienceKey(ANY_NAMESPACE, "a")
IN = {"in": REALIZED, "out": EXITED}


def world(*others: Activation) -> World:
    made = World()
    anywhere = Activation(ANY, "a", list_id=1001, list_name="a")
    activations = {one.audience: one for one in (anywhere, *others)}
    made.connections.stored[made.connection.id] = ActiveConnection(made.connection, activations)
    return made


def said(*words: str, received: float | None = None, email: str = ADA) -> ProfileEvent:
    """What an event says of the audience: `crm in 3` is that it was entered in a namespace, in the third minute."""
    split = [word.split() for word in words]
    memberships = tuple(Membership(AudienceKey(space, "a"), IN[what], minute(float(at))) for space, what, at in split)
    at = minute(received if received is not None else max(float(at) for _, _, at in split))
    return replace(event(email, at=at), memberships=memberships)


def is_on(made: World, name: str = "a") -> bool:
    return bool(made.members(name))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["crm in 1"], True),
        (["ups in 1"], True),
        (["crm out 1"], False),
        (["crm in 1", "ups out 2"], True),
        (["crm in 1", "ups out 2", "crm out 3"], False),
        (["crm in 1", "crm out 2"], False),
        (["crm in 1", "ups in 2", "crm out 3"], True),
        (["crm in 1", "ups in 2", "crm out 3", "ups out 4"], False),
        (["crm out 3", "crm in 2"], False),
        (["ups out 9", "crm in 2"], True),
        (["crm in 1, ups out 2"], True),
        (["crm out 1, ups out 2"], False),
        (["crm in 1, ups in 1", "crm out 2, ups out 2"], False),
        (["crm in 1, ups in 1", "crm out 2, ups in 1"], True),
        (["crm out 5", "crm in 1, ups in 1"], True),
    ],
    ids=str,
)
@pytest.mark.parametrize("in_one_batch", [False, True])
def test_who_is_in_it_in_any_namespace_is_on_the_list(events: list[str], *, expected: bool, in_one_batch: bool) -> None:
    made = world()
    told = [said(*one.split(", "), received=10 + number) for number, one in enumerate(events)]
    made.now = minute(60)
    for batch in [told] if in_one_batch else [[one] for one in told]:
        made.deliver(*batch)
    assert is_on(made) is expected
    counts = made.ledger.total(made.connection.id).audiences[ANY].counts
    assert counts["received"] == len(events), "an event names the audience once, in however many namespaces"
    made.deliver(*told)
    assert is_on(made) is expected


def test_of_two_activations_of_one_id_each_has_its_own_members() -> None:
    of_crm = Activation(AudienceKey("crm", "a"), "b", list_id=1002, list_name="b")
    made = world(of_crm)
    made.deliver(said("crm in 1"))
    assert (is_on(made), is_on(made, "b")) == (True, True)
    made.deliver(said("ups in 2"))
    made.deliver(said("crm out 3"))
    assert (is_on(made), is_on(made, "b")) == (True, False)
    made.deliver(said("ups out 4"))
    assert (is_on(made), is_on(made, "b")) == (False, False)


def test_what_was_said_while_it_was_dormant_counts_when_it_is_back() -> None:
    made = world()
    made.deliver(said("crm in 1", "ups in 1"))
    active = made.target
    made.connections.deactivate(made.connection.id, ANY)
    made.deliver(said("crm out 2"))
    made.connections.stored[made.connection.id] = active
    made.deliver(said("ups out 3"))
    assert not is_on(made)


def test_a_repetition_changes_nothing_and_an_older_word_neither() -> None:
    made = world()
    for one in ("crm in 5", "crm in 5", "crm out 4"):
        made.deliver(said(one, received=6))
    assert is_on(made)
    assert outcomes(made) == {Class.ACTIVATED: 1, Class.UNCHANGED: 2}


def test_an_audience_of_another_id_is_another_one() -> None:
    made = world()
    made.deliver(event(ADA, ("b", REALIZED)))
    assert made.ledger.total(made.connection.id).counts["ignored"] == 1
    assert audience("b") not in made.ledger.total(made.connection.id).audiences


def test_it_is_renamed_by_what_any_namespace_says_last() -> None:
    made = world()
    made.reconfigure(propagate_renames=True)
    event_of = said("crm in 1", received=5)
    named = tuple(one._replace(name="Trade show") for one in event_of.memberships)
    made.now = minute(10)
    made.deliver(replace(event_of, memberships=named))
    assert made.target.activations[ANY].name == "Trade show"
