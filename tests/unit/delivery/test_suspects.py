"""Refusals that are told from outages only after a while: of several persons, slow ones, of others, odd ones.

The numbers are those that docs/delivery.md promises, beside those of test_poison.py.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from requests import PreparedRequest

from destination.domain.audience import Activation
from destination.domain.connection import Limits
from destination.domain.refusal import MIN_REFUSALS, MIN_REFUSED_FOR
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, reasons
from testing.meddler import calm, creates, disturb, poison
from testing.stages import REALIZED, joins, leaves, looks_up, updates
from testing.world import MUNCHKIN, START, World, audience, connection, event
from tests.unit.delivery.test_poison import CALLS, POISON, assert_others_arrived, world_of

ONE_AT_A_TIME = connection(limits=Limits(concurrency=1))
MINUTES = [timedelta(minutes=number) for number in range(60)]


def of_two_connections() -> World:
    """A world with a second connection to the same instance."""
    world = World(ONE_AT_A_TIME)
    other = replace(world.connection, id="connection-2")
    world.connections.stored[other.id] = replace(world.target, connection=other)
    return world


def post_to_second(world: World, *emails: str) -> None:
    before = set(world.queue.waiting)
    world.post(*(event(one, ("a", REALIZED), at=world.now) for one in emails))
    for one in set(world.queue.waiting) - before:
        message = world.queue.waiting[one]
        world.queue.waiting[one] = replace(message, body=message.body.replace("connection-1", "connection-2"))


def refused_calls(world: World) -> int:
    return len([one for one in world.simulator.log() if one.fault])


# Persons, and not outages


@pytest.mark.parametrize("call", ["look up", "create", "join"])
def test_a_poison_alone_on_its_connection_stops_no_other_connection(call: str) -> None:
    world = of_two_connections()
    if call == "join":
        world.simulator.seed({"leads": [{"id": 4242, "email": POISON}]})
    poison(world, CALLS[call], "4242" if call == "join" else "poison", Fault(code="611"))
    world.post(event(POISON, ("a", REALIZED)))
    post_to_second(world, *(f"q{one}@example.org" for one in range(20)))
    world.run(START + MINUTES[3])
    assert len(set(world.members("a")) - {4242}) == 20


@pytest.mark.parametrize("minutes", [1, 10, 33, 59])
def test_a_poison_alone_in_a_trickle_makes_nobody_wait_who_comes_later(minutes: int) -> None:
    world = World()
    poison(world, creates, "poison", Fault(code="611"))
    world.post(event(POISON, ("a", REALIZED)))
    world.run(START + MINUTES[minutes] + timedelta(seconds=5))
    assert world.deliver_beside(event("ada@example.org", ("a", REALIZED), at=world.now)).requeued == ()


@pytest.mark.parametrize("code", ["611", "604"])
@pytest.mark.parametrize("poisoned", [2, 30, 60])
def test_many_poisoned_persons_stop_nobody_else(poisoned: int, code: str) -> None:
    world = World(ONE_AT_A_TIME)
    emails = [f"p{number}@example.org" for number in range(300)]
    for at in random.Random(poisoned).sample(range(300), poisoned):  # noqa: S311 - not a secret
        emails[at] = f"poison{at}@example.org"
    poison(world, creates, "poison", Fault(code=code))
    world.post(*(event(one, ("a", REALIZED)) for one in emails))
    world.run(START + MINUTES[10])
    assert len(world.members("a")) == 300 - poisoned
    assert outcomes(world) == {"activated": 300 - poisoned}
    assert refused_calls(world) <= 6 * poisoned + 12
    assert_balanced(world)


@pytest.mark.parametrize("call", ["look up", "create", "update", "join", "leave"])
def test_a_poison_that_is_refused_only_after_a_minute_stops_nobody_for_long(call: str) -> None:
    """Nine such refusals would take more than the whole of a turn, again and again."""
    world, events, word = world_of(call, 300, at=150)
    poison(world, CALLS[call], word, Fault(code="604", seconds=60))
    world.post(*events)
    start, before = world.now, refused_calls(world)
    world.run(start + MINUTES[7])
    assert_others_arrived(world, call, 300)
    assert refused_calls(world) - before <= 4


# Outages, and not persons


def test_an_outage_fails_nobody_who_was_refused_often_before_it() -> None:
    world, events, word = world_of("create", 2, at=0)
    poison(world, creates, word, Fault(code="611"))
    world.post(*events)
    for number in range(2 * MIN_REFUSALS):  # Refused beside others, one minute after the other.
        world.post(event(f"p{number}-@example.org", ("a", REALIZED), at=world.now))
        world.run(world.now + MINUTES[1])
    disturb(world, creates, Fault(code="611"))
    world.run(world.now + timedelta(hours=16))
    assert world.now - START > MIN_REFUSED_FOR
    assert outcomes(world).get("failed", 0) == 0
    poison(world, creates, word, Fault(code="611"))
    for hour in range(8):
        world.run(world.now + timedelta(hours=1))
        world.post(event(f"i{hour}@example.org", ("a", REALIZED), at=world.now))
    assert reasons(world) == {"MARKETO_611": 1}


def test_what_was_refused_once_and_succeeded_is_forgotten_while_something_else_is_refused() -> None:
    """Else look-ups that fail at random would add up for whoever waits for a list."""
    world = World(ONE_AT_A_TIME)
    poison(world, looks_up, "poison", Fault(code="611"))
    world.deliver(event(POISON, ("a", REALIZED)), event("ada@example.org", ("a", REALIZED)))
    world.run(world.now + MINUTES[2])
    row = world.ledger.row(world.connection.id, POISON)
    assert row is not None
    assert set(row.refusals or ()) == {"look up by"}
    disturb(world, joins, Fault(code="611"))
    world.run(world.now + MINUTES[5])
    row = world.ledger.row(world.connection.id, POISON)
    assert row is not None
    assert set(row.refusals or ()) == {"add to list"}


def of_many_lists(number: int) -> World:
    world = World(ONE_AT_A_TIME)
    names = [f"list-{one}" for one in range(number)]
    world.simulator.seed({"lists": [{"name": one, "id": 2001 + at} for at, one in enumerate(names)]})
    more = {
        audience(one): Activation(audience(one), one, list_id=2001 + at, list_name=one) for at, one in enumerate(names)
    }
    target = replace(world.target, activations={**world.target.activations, **more})
    world.connections.stored[world.connection.id] = target
    return world


def test_an_outage_of_many_lists_costs_few_calls_whoever_comes_and_is_forgotten() -> None:
    world = of_many_lists(40)
    disturb(world, joins, Fault(code="611"))
    names = [f"list-{one}" for one in range(40)]
    for number in range(30):
        world.deliver_beside(event(f"p{number}@example.org", *((one, REALIZED) for one in names), at=world.now))
        world.now += timedelta(seconds=30)
    assert refused_calls(world) <= 40
    assert len(world.leases.circuits[MUNCHKIN]) <= 40
    for one in names:
        world.deactivate(one)
    calm(world)
    world.now += timedelta(days=2)
    world.deliver_beside(event("ada@example.org", ("a", REALIZED), at=world.now))
    assert world.leases.circuits[MUNCHKIN] == {}


def test_three_lists_that_are_refused_stop_no_other_list() -> None:
    world = of_many_lists(5)
    broken = [f"/{2001 + one}/" for one in range(3)]
    disturb(world, lambda one: joins(one) and any(path in (one.url or "") for path in broken), Fault(code="611"))
    world.post(event("ada@example.org", *((f"list-{one}", REALIZED) for one in range(5))))
    world.run(START + MINUTES[3])
    assert [len(world.members(f"list-{one}")) for one in range(5)] == [0, 0, 0, 1, 1]
    later = event("bob@example.org", ("list-3", REALIZED), ("list-4", REALIZED), at=world.now)
    assert world.deliver_beside(later).requeued == ()


# The connection, and not persons


@pytest.mark.parametrize(
    "fault", [Fault(code="603"), Fault(code="610"), Fault("http", status=403), Fault("skip", "616")]
)
def test_a_connection_that_lacks_access_is_blocked_though_another_is_served(fault: Fault) -> None:
    """The API user of each may be allowed something else."""
    world = of_two_connections()
    poison(world, creates, "poison", fault)
    world.post(event("ada@example.org", ("a", REALIZED)))
    post_to_second(world, *(f"poison{one}@example.org" for one in range(6)))
    world.run(START + MINUTES[20])
    assert outcomes(world) == {"activated": 1}
    assert not world.letters.bodies
    assert world.connections.stored["connection-2"].connection.blocked_cause is not None
    assert world.target.connection.blocked_cause is None


def test_a_look_up_that_is_refused_to_everybody_is_not_asked_for_each() -> None:
    world = World(ONE_AT_A_TIME)
    disturb(world, looks_up, Fault(code="1003"))
    world.post(*(event(f"p{one}@example.org", ("a", REALIZED)) for one in range(300)))
    world.run(START + MINUTES[59])
    assert world.target.connection.blocked_cause is not None
    assert refused_calls(world) <= 10
    assert outcomes(world) == {}


# One person, and not the connection


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [Fault("http", status=403), Fault("http", status=404), Fault(code="610")])
def test_whom_the_connection_is_denied_for_alone_does_not_block_it(fault: Fault, call: str) -> None:
    """A page that something before Marketo answers to what is in a record, say."""
    world, events, word = world_of(call, 12, at=4)
    poison(world, CALLS[call], word, fault)
    world.post(*events)
    world.run(world.now + MINUTES[20])
    assert_others_arrived(world, call, 12)
    assert world.target.connection.blocked_cause is None
    assert len(world.waiting) == 1


@pytest.mark.parametrize("call", ["create", "update", "join", "leave"])
@pytest.mark.parametrize("code", ["605", "610", "616", "1011", "1013"])
def test_whose_record_is_refused_with_a_code_of_connections_does_not_block_it(code: str, call: str) -> None:
    world, events, word = world_of(call, 12, at=4)
    poison(world, CALLS[call], word, Fault("skip", code))
    world.post(*events)
    world.run(world.now + MINUTES[20])
    assert_others_arrived(world, call, 12)
    assert world.target.connection.blocked_cause is None
    assert len(world.waiting) == 1


@pytest.mark.parametrize("code", ["1001", "1006", "1018"])
def test_whose_look_up_is_refused_for_the_value_fails_alone(code: str) -> None:
    world, events, word = world_of("look up", 12, at=4)
    poison(world, looks_up, word, Fault(code=code))
    world.deliver(*events)
    assert (outcomes(world), reasons(world)) == ({"activated": 11, "failed": 1}, {f"MARKETO_{code}": 1})
    assert world.target.connection.blocked_cause is None


# Answers of another shape


@pytest.mark.parametrize(
    "row", ['{"id": null, "status": "created"}', '{"id": "7", "status": "created"}', '{"status": "queued"}', "{}"]
)
def test_a_creation_that_is_answered_oddly_creates_nobody_in_the_run(row: str) -> None:
    world = World()
    disturb(world, creates, Fault("http", status=200, body=f'{{"success": true, "result": [{row}]}}'))
    world.post(event("ada@example.org", ("a", REALIZED)))
    world.run(START + MINUTES[30])
    assert (outcomes(world), changes(world)) == ({}, {})
    assert len(world.calls()) <= 16
    calm(world)
    world.run(world.now + MINUTES[20])
    assert outcomes(world) == {"activated": 1}
    assert changes(world) == {"created": 1, "added": 1}


@pytest.mark.parametrize(("call", "meant"), [("update", updates), ("join", joins), ("leave", leaves)])
def test_a_record_with_an_unknown_status_is_not_taken_for_done(
    call: str, meant: Callable[[PreparedRequest], bool]
) -> None:
    world, events, _ = world_of(call, 1, at=0)
    before = outcomes(world)
    disturb(world, meant, Fault("http", status=200, body='{"success": true, "result": [{"id": 4242, "status": "?"}]}'))
    world.post(*events)
    world.run(world.now + MINUTES[20])
    assert outcomes(world) == before
    calm(world)
    world.run(world.now + 2 * MINUTES[20])
    assert outcomes(world).get("activated") == before.get("activated", 0) + 1


def test_a_status_that_is_not_known_has_the_code_of_its_reason() -> None:
    world = World()
    row = '{"status": "failed", "reasons": [{"code": "1018", "message": "..."}]}'
    disturb(world, creates, Fault("http", status=200, body=f'{{"success": true, "result": [{row}]}}'))
    world.deliver(event("ada@example.org", ("a", REALIZED)))
    assert reasons(world) == {"MARKETO_1018": 1}


ODD_RESULTS = ["", ', "result": [null]', ', "result": [{"id": "4242", "email": "poison@example.org"}]']


@pytest.mark.parametrize("result", ODD_RESULTS)
def test_a_look_up_that_is_answered_oddly_takes_nobody_for_unknown(result: str) -> None:
    """Who is not found is taken off the lists that he was put on, and created."""
    world, events, _ = world_of("update", 1, at=0)
    disturb(world, looks_up, Fault("http", status=200, body=f'{{"requestId": "1", "success": true{result}}}'))
    world.post(*events)
    world.run(world.now + MINUTES[10])
    assert world.members("a") == [4242]
    assert outcomes(world) == {"activated": 1}
    calm(world)
    world.run(world.now + MINUTES[20])
    assert (outcomes(world), world.leads_now()[4242]["leadScore"]) == ({"activated": 2}, 5)
