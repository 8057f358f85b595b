"""One person whom calls are refused for, whatever the code and the call, and outages that are nobody's fault.

The numbers are those that docs/delivery.md promises. The person that all is refused for is found by a word: of a
look-up and a creation the address, of what is told of a lead its id.
"""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from requests import PreparedRequest

from destination.domain.connection import Limits
from destination.domain.event import ProfileEvent
from destination.domain.refusal import MIN_REFUSALS, MIN_REFUSED_FOR
from destination.marketo.errors import CODES, OF_INSTANCE, FailureClass, classify, explain
from marketo_simulator import Fault
from testing.codes import UNKNOWN
from testing.counts import assert_balanced, outcomes, reasons
from testing.meddler import calm, creates, disturb, poison
from testing.stages import EXITED, MINUTE, REALIZED, joins, leaves, looks_up, updates
from testing.world import MUNCHKIN, START, World, connection, event

CALLS = {"look up": looks_up, "create": creates, "update": updates, "join": joins, "leave": leaves}
WAYS = {
    "503": Fault("http", status=503, body="{}"),
    "500": Fault("http", status=500, body="<html>Internal Server Error</html>"),
    "CONNECTION_LOST": Fault("drop"),
    "NOT_JSON": Fault("http", status=200),
    "UNEXPECTED_ANSWER": Fault("http", status=200, body='{"success": true, "result": 7}'),
}
LATER = [
    code
    for code in (*CODES, UNKNOWN)
    if classify(code) in {FailureClass.INSTANCE_WAITS, FailureClass.UNKNOWN}
    and code not in OF_INSTANCE
    and (code.isdecimal() or code in WAYS)
]
OF_RECORD = [
    code
    for code in (*CODES, UNKNOWN)
    if code.isdecimal()
    and classify(code) in {FailureClass.INSTANCE_WAITS, FailureClass.REAUTHENTICATE, FailureClass.UNKNOWN}
]
POISON = "poison@example.org"
LEAD = 4242


def world_of(call: str, size: int, at: int) -> tuple[World, list[ProfileEvent], str]:
    """A world, events that all need the call, one of them of the poison, and the word that it is known by."""
    emails = [f"p{number}@example.org" for number in range(size - 1)]
    emails.insert(at, POISON)
    first = [] if call in {"look up", "create"} else emails
    leads = [{"id": LEAD if one == POISON else 10_000 + number, "email": one} for number, one in enumerate(first)]
    world = World(connection(limits=Limits(concurrency=1)), leads=leads)
    if call in {"update", "leave"}:
        world.deliver(*(event(one, ("a", REALIZED)) for one in emails))
        world.now += MINUTE
    status = EXITED if call == "leave" else REALIZED
    score = {"score": 5} if call == "update" else {}
    events = [event(one, ("a", status), at=world.now, **score) for one in emails]
    return world, events, str(LEAD) if first else "poison"


def assert_others_arrived(world: World, call: str, size: int) -> None:
    """Everybody but the poison is as the events say; nobody failed."""
    leads = {lead["email"]: one for one, lead in world.leads_now().items() if lead["email"] != POISON}
    assert len(leads) == size - 1
    assert len(world.leads_now()) <= size
    others = set(leads.values())
    assert others & set(world.members("a")) == (set() if call == "leave" else others)
    if call == "update":
        assert {world.leads_now()[one]["leadScore"] for one in others} == {5}
    assert outcomes(world).get("failed", 0) == 0
    assert_balanced(world)


def arrives_within(code: str, call: str) -> timedelta:
    return timedelta(minutes=6 if call == "create" and explain(code).ambiguous else 3)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("code", LATER)
def test_whoever_a_call_is_refused_for_holds_up_nobody_else(code: str, call: str) -> None:
    size = 24
    world, events, word = world_of(call, size, at=(int(code) if code.isdecimal() else len(code)) % size)
    poison(world, CALLS[call], word, WAYS.get(code, Fault(code=code)))
    world.post(*events)
    world.run(world.now + arrives_within(code, call))
    assert_others_arrived(world, call, size)
    assert len(world.queue.waiting) == 1


@pytest.mark.parametrize("call", [one for one in CALLS if one != "look up"])
@pytest.mark.parametrize("code", OF_RECORD)
def test_whose_record_is_refused_holds_up_nobody_else(code: str, call: str) -> None:
    world, events, word = world_of(call, 12, at=int(code) % 12)
    poison(world, CALLS[call], word, Fault("skip", code))
    world.deliver(*events)
    assert_others_arrived(world, call, 12)
    assert len(world.queue.waiting) == 1


@pytest.mark.parametrize("at", [0, 149, 150, 185, 299])
@pytest.mark.parametrize(("code", "call"), [("611", "create"), ("604", "create"), ("604", "look up"), ("713", "join")])
def test_one_of_300_is_told_from_the_others_in_time(code: str, call: str, at: int) -> None:
    world, events, word = world_of(call, 300, at)
    poison(world, CALLS[call], word, Fault(code=code))
    world.post(*events)
    start, before = world.now, len(world.simulator.log())
    while outcomes(world).get("activated", 0) < 299:
        world.run(world.now + timedelta(seconds=5))
        assert world.now - start <= arrives_within(code, call)
    assert_others_arrived(world, call, 300)
    refused = [one for one in world.simulator.log()[before:] if one.fault]
    assert len(refused) <= (3 if call == "create" and explain(code).ambiguous else 11)


@pytest.mark.remedy("await-person")
@pytest.mark.parametrize(("effect", "call"), [("error", one) for one in CALLS] + [("skip", "create"), ("skip", "join")])
@pytest.mark.parametrize("code", ["611", "604", UNKNOWN])
def test_whoever_is_refused_for_half_a_day_while_others_are_served_fails(code: str, effect: str, call: str) -> None:
    world, events, word = world_of(call, 3, at=1)
    poison(world, CALLS[call], word, Fault(effect, code))
    world.post(*events)
    start = world.now
    failed_after = None
    for hour in range(20):  # Somebody else has something to be told every hour.
        calm_one = f"h{hour}@example.org"
        if call in {"update", "leave"}:
            world.deliver_beside(event(calm_one, ("a", REALIZED), at=world.now))
        status = EXITED if call == "leave" else REALIZED
        world.post(event(calm_one, ("a", status), at=world.now + MINUTE, score=hour))
        world.run(start + timedelta(hours=hour + 1))
        if failed_after is None and outcomes(world).get("failed"):
            failed_after = world.now - start
    assert failed_after is not None
    assert MIN_REFUSED_FOR <= failed_after <= MIN_REFUSED_FOR + timedelta(hours=4)
    assert reasons(world) == {f"MARKETO_{code}": 1}
    assert world.letters.codes == [f"MARKETO_{code}"]
    assert not world.queue.waiting
    assert len([one for one in world.simulator.log() if one.fault]) >= MIN_REFUSALS
    row = world.ledger.row(world.connection.id, POISON)
    assert row is None or not row.refusals
    assert_balanced(world)


@pytest.mark.parametrize(("code", "call"), [("604", "create"), ("503", "join"), *(("611", one) for one in CALLS)])
def test_an_outage_of_one_kind_of_calls_fails_nobody_and_costs_one_call_a_pause(code: str, call: str) -> None:
    world, events, _ = world_of(call, 310, at=0)
    disturb(world, CALLS[call], WAYS.get(code, Fault(code=code)))
    world.post(*events)
    start, before = world.now, len(world.simulator.log())
    world.run(start + timedelta(hours=2))
    refused = [one for one in world.simulator.log()[before:] if one.fault]
    assert len(refused) <= 14  # Every quarter of an hour, and more often in the first.
    assert outcomes(world).get("failed", 0) == 0
    assert not world.letters.bodies
    calm(world)
    before = len(world.simulator.log())
    world.run(world.now + timedelta(minutes=20))
    assert not world.queue.waiting
    assert outcomes(world).get("failed", 0) == 0
    assert len({one["email"] for one in world.leads_now().values()}) == len(world.leads_now())
    assert set(world.members("a")) == (set() if call == "leave" else set(world.leads_now()))
    made = [one for one in world.simulator.log()[before:] if one.counted]
    assert len(made) <= 60
    assert_balanced(world)


def test_an_outage_of_everything_fails_nobody() -> None:
    world, events, _ = world_of("create", 40, at=0)
    disturb(world, lambda _: True, Fault(code="611"))
    world.post(*events)
    world.run(START + timedelta(days=2))
    assert len([one for one in world.simulator.log() if one.fault]) <= 250
    assert (outcomes(world), len(world.letters.bodies)) == ({}, 0)
    calm(world)
    world.run(world.now + timedelta(minutes=20))
    assert outcomes(world) == {"activated": 40}


@pytest.mark.parametrize("effect", ["error", "skip"])
@pytest.mark.parametrize("code", ["611", "604"])
def test_calls_that_fail_at_random_fail_nobody(code: str, effect: str) -> None:
    """Three of ten, for three days in which others come."""
    chance = random.Random(7)  # noqa: S311 - not a secret

    def unlucky(request: PreparedRequest) -> bool:
        is_meant = creates(request) or joins(request) or (effect == "error" and looks_up(request))
        return is_meant and chance.random() < 0.3

    world = World(connection(limits=Limits(concurrency=1)))
    disturb(world, unlucky, Fault(effect, code, records=(0,)))
    for hour in range(36):
        world.post(*(event(f"p{hour}-{one}@example.org", ("a", REALIZED), at=world.now) for one in range(20)))
        world.run(world.now + timedelta(hours=1))
    calm(world)
    world.run(world.now + timedelta(hours=4))
    assert outcomes(world) == {"activated": 720}
    assert len(world.leads_now()) == len(world.members("a")) == 720
    assert_balanced(world)


@pytest.mark.parametrize("code", ["611", "604"])
def test_a_poison_alone_in_a_trickle_is_told_from_an_outage_when_somebody_else_succeeds(code: str) -> None:
    world = World()
    poison(world, creates, "poison", Fault(code=code))
    world.post(event(POISON, ("a", REALIZED)))
    world.run(START + timedelta(hours=1))
    world.post(event("ada@example.org", ("a", REALIZED), at=world.now))
    world.run(world.now + timedelta(minutes=16))
    assert outcomes(world) == {"activated": 1}
    for _ in range(10):  # From now on nobody waits for it.
        world.run(world.now + timedelta(minutes=70))
        said = event(f"{world.now.timestamp()}@example.org", ("a", REALIZED), at=world.now)
        before = outcomes(world)["activated"]
        world.deliver_beside(said)
        assert outcomes(world)["activated"] == before + 1
    assert outcomes(world).get("failed", 0) == 0
    for _ in range(10):  # Though it is never tried beside others, they are served between.
        world.run(world.now + timedelta(hours=3))
        world.deliver_beside(event(f"{world.now.timestamp()}@example.org", ("a", REALIZED), at=world.now))
    assert (outcomes(world)["failed"], reasons(world)) == (1, {f"MARKETO_{code}": 1})
    assert not world.queue.waiting


def test_the_connections_of_others_go_on() -> None:
    world = World()
    other = replace(world.connection, id="connection-2")
    world.connections.stored[other.id] = replace(world.target, connection=other)
    poison(world, creates, "poison", Fault(code="611"))
    world.post(event(POISON, ("a", REALIZED)), event("ada@example.org", ("a", REALIZED)))
    world.run(START + timedelta(minutes=3))
    [waiting] = world.queue.waiting.values()
    [said] = [event("bob@example.org", ("a", REALIZED), at=world.now)]
    world.post(said)
    [message] = [one for one in world.queue.waiting.values() if one.id != waiting.id]
    world.queue.waiting[message.id] = replace(message, body=message.body.replace("connection-1", "connection-2"))
    report = world.sync([world.queue.waiting[message.id]], timedelta(minutes=5))
    assert report.requeued == ()
    assert len(world.leads_by_email("bob@example.org")) == 1


def test_a_list_whose_calls_all_fail_stops_its_audience_alone_and_is_named() -> None:
    world = World(connection(limits=Limits(concurrency=1)))
    disturb(world, lambda request: joins(request) and "/1001/" in (request.url or ""), Fault(code="611"))
    report = world.deliver(*(event(f"p{one}@example.org", ("a", REALIZED), ("b", REALIZED)) for one in range(5)))
    assert len(world.leads_now()) == len(world.members("b")) == 5
    assert world.members("a") == []
    [cause] = report.halts.values()
    assert "list 'a' (1001) of audience a" in cause
    assert "611" in cause
    calm(world)
    world.run(world.now + timedelta(minutes=3))
    assert len(world.members("a")) == 5
    assert outcomes(world) == {"activated": 5}


def test_so_many_lists_that_fail_stand_for_all() -> None:
    """In an outage of all lists nobody asks each of them."""
    world = World(connection(limits=Limits(concurrency=1)))
    names = "abcdefghij"
    lists = [{"name": one, "id": 1001 + at, "workspace": "Default"} for at, one in enumerate(names)]
    world.simulator.seed({"lists": lists[2:]})
    for one in names[2:]:
        world.activate(one)
    disturb(world, joins, Fault(code="611"))
    world.deliver(event("ada@example.org", *((one, REALIZED) for one in names)))
    assert len([one for one in world.simulator.log() if one.fault]) == 3
    calm(world)
    world.run(world.now + timedelta(minutes=5))
    assert [len(world.members(one)) for one in names] == [1] * 10


@pytest.mark.parametrize("code", ["603", "609"])
@pytest.mark.parametrize("call", CALLS)
def test_access_is_denied_to_one_person_or_to_the_connection(call: str, code: str) -> None:
    world, events, word = world_of(call, 12, at=4)
    poison(world, CALLS[call], word, Fault(code=code))
    world.deliver(*events)
    assert (outcomes(world)["failed"], reasons(world)) == (1, {f"MARKETO_{code}": 1})
    assert world.target.connection.blocked_cause is None
    world, events, word = world_of(call, 12, at=4)
    before = outcomes(world)
    disturb(world, CALLS[call], Fault(code=code))
    world.deliver(*events)
    assert world.target.connection.blocked_cause is not None
    assert len(world.waiting) == 1
    assert outcomes(world) == before


def test_a_lost_creation_keeps_its_own_people_waiting_and_nobody_else() -> None:
    world = World(connection(limits=Limits(concurrency=1)))
    poison(world, creates, "poison", Fault("drop", executes=True))
    lost = [event(f"{name}@example.org", ("a", REALIZED)) for name in ("poison", "p1", "p2")]
    others = [event(f"q{one:03}@example.org", ("a", REALIZED)) for one in range(300)]
    world.deliver(*others, *lost)
    assert len(world.members("a")) == 300
    assert outcomes(world) == {"activated": 300}
    again = event("p1@example.org", ("a", REALIZED), at=START + MINUTE)
    world.now += timedelta(seconds=30)
    before = len([one for one in world.simulator.log() if one.method == "POST"])
    world.post(again)
    world.deliver()
    assert [len(world.leads_by_email(f"{name}@example.org")) for name in ("poison", "p1", "p2")] == [1, 1, 1]
    del before
    world.run(world.now + timedelta(minutes=5))
    assert len(world.leads_now()) == 303
    assert len(world.members("a")) == 303
    assert_balanced(world)


def test_nobody_is_created_for_another_connection_while_a_creation_may_be_under_way() -> None:
    """The same profile often comes to two connections of an instance at the same time."""
    world = World()
    other = replace(world.connection, id="connection-2")
    world.connections.stored[other.id] = replace(world.target, connection=other)
    disturb(world, creates, Fault("drop"))
    ada = event("ada@example.org", ("a", REALIZED))
    world.post(ada)
    world.post(ada)
    first, second = world.queue.waiting.values()
    world.queue.waiting[second.id] = replace(second, body=second.body.replace("connection-1", "connection-2"))
    world.sync([first, world.queue.waiting[second.id]], timedelta(minutes=5))
    calm(world)
    world.now += timedelta(seconds=60)
    assert world.sync([world.queue.waiting[second.id]], timedelta(minutes=5)).requeued == (second.id,)
    assert world.leads_now() == {}
    world.now += timedelta(seconds=40)
    assert world.sync([world.queue.waiting[second.id]], timedelta(minutes=5)).requeued == ()
    assert len(world.leads_now()) == 1
    assert not [name for name in world.leases.circuits[MUNCHKIN] if name.startswith("lost creation")]


def test_what_is_known_of_refusals_outlives_what_is_said_meanwhile() -> None:
    """Another event of the same person does not begin its twelve hours anew."""
    world, events, word = world_of("create", 2, at=0)
    poison(world, creates, word, Fault(code="611"))
    world.post(*events)
    world.run(START + timedelta(minutes=5))
    row = world.ledger.row(world.connection.id, POISON)
    assert row is not None
    assert row.refusals is not None
    since = row.refusals["create"].since
    world.post(event(POISON, ("b", REALIZED), at=world.now), event("x@example.org", ("a", REALIZED), at=world.now))
    world.run(world.now + timedelta(minutes=30))
    row = world.ledger.row(world.connection.id, POISON)
    assert row is not None
    assert row.refusals is not None
    assert row.refusals["create"].since == since


def test_circuits_of_kinds_that_work_are_forgotten_after_a_day() -> None:
    world = World()
    disturb(world, creates, Fault(code="611"))
    world.deliver(event("ada@example.org", ("a", REALIZED)))
    assert set(world.leases.circuits[MUNCHKIN]) == {"create"}
    calm(world)
    world.run(world.now + timedelta(minutes=2))
    [circuit] = world.leases.circuits[MUNCHKIN].values()
    assert circuit.pause is None
    world.now += timedelta(days=1)
    world.deliver(event("bob@example.org", ("a", REALIZED), at=world.now))
    assert world.leases.circuits[MUNCHKIN] == {}
