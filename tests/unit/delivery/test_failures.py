"""What fails, by class: where the messages are then, what is counted, what the connection shows, and how it goes on."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.delivery.turn import RETRY_LEASE
from destination.domain.connection import ActiveConnection, Limits, Status
from destination.domain.parking import RETRY_BLOCKED
from destination.domain.shard import SHARDS
from destination.queue import encode_event, pack
from marketo_simulator import Fault
from testing.codes import UNKNOWN
from testing.counts import assert_balanced, changes, outcomes, received
from testing.meddler import calm, creates, meddle
from testing.stages import ADA, BOB, LEADS, LISTS, MINUTE, REALIZED, STAGES, Stage, held
from testing.world import MONITORED, MUNCHKIN, START, World, connection, event

every_stage = pytest.mark.parametrize("stage", STAGES.values(), ids=list(STAGES))


def without_failure(stage: Stage) -> World:
    world = stage.world()
    world.deliver(stage.event)
    return world


def assert_as_if_nothing_had_happened(world: World, stage: Stage) -> None:
    undisturbed = without_failure(stage)
    assert held(world) == held(undisturbed)
    assert world.queue.waiting == {}
    assert world.dead_letters.letters == []
    assert received(world) == received(undisturbed)
    assert outcomes(world).get("failed") is None
    assert_balanced(world)


# The instance waits


HTML = "<html><body>Sorry</body></html>"
DISTURBANCES: dict[str, Fault] = {
    **{f"error {code}": Fault(code=code) for code in ("604", "606", "607", "608", "615")},
    "error 604 executed": Fault(code="604", executes=True),
    "HTTP 503": Fault("http", status=503),
    "HTTP 502 executed": Fault("http", status=502, executes=True),
    "HTTP 200 with HTML": Fault("http", status=200, body=HTML),
    "HTTP 200 with HTML executed": Fault("http", status=200, body=HTML, executes=True),
    "dropped": Fault("drop"),
    "dropped after it was executed": Fault("drop", executes=True),
    "unknown code": Fault(code=UNKNOWN),
}


@every_stage
@pytest.mark.parametrize("fault", DISTURBANCES.values(), ids=list(DISTURBANCES))
def test_while_the_instance_waits_nothing_is_lost_failed_or_done_twice(stage: Stage, fault: Fault) -> None:
    world = stage.disturbed(fault)
    counted = received(world)
    world.deliver(stage.event)
    assert len(world.waiting) == 1
    assert all(0 < seconds <= 300 for seconds in world.queue.invisible_for.values())
    assert received(world) == counted
    assert world.connections.stored[world.connection.id].connection.status is Status.ENABLED
    calm(world)
    world.sleep(7 * 3600)  # Longer than any pause.
    world.deliver()
    assert_as_if_nothing_had_happened(world, stage)


@pytest.mark.parametrize(
    "fault", [fault for name, fault in DISTURBANCES.items() if fault.executes or fault.effect == "drop"], ids=repr
)
def test_after_a_lost_creation_nothing_is_tried_before_marketo_must_have_ended_it(fault: Fault) -> None:
    world = STAGES["create"].disturbed(fault)
    world.deliver(STAGES["create"].event)
    [seconds] = world.queue.invisible_for.values()
    assert seconds >= 90


def test_a_creation_that_outlasts_our_patience_makes_one_lead() -> None:
    stage = STAGES["create"]
    world = stage.disturbed(Fault("slow", seconds=120))
    report = world.deliver(stage.event)
    for thread in threading.enumerate():
        if "_finish_unheard" in thread.name:
            thread.join()
    assert len(report.requeued) == 1
    assert max(world.queue.invisible_for.values()) >= 90
    calm(world)
    world.sleep(100)
    world.deliver()
    assert_as_if_nothing_had_happened(world, stage)


def test_a_slow_answer_within_our_patience_is_an_answer() -> None:
    stage = STAGES["create"]
    world = stage.disturbed(Fault("slow", seconds=80))
    assert world.deliver(stage.event).requeued == ()
    assert_as_if_nothing_had_happened(world, stage)


@pytest.mark.parametrize("code", ["601", "602"])
@every_stage
def test_a_token_that_has_ended_is_renewed_and_the_call_repeated(stage: Stage, code: str) -> None:
    world = stage.world()
    meddle(world, stage.meant, lambda: world.simulator.script(Fault(code=code)))
    world.deliver(stage.event)
    assert_as_if_nothing_had_happened(world, stage)


@pytest.mark.parametrize("status", [401])
@every_stage
def test_a_token_that_the_gateway_refuses_is_renewed_and_the_call_repeated(stage: Stage, status: int) -> None:
    world = stage.world()
    meddle(world, stage.meant, lambda: world.simulator.script(Fault("http", status=status)))
    world.deliver(stage.event)
    assert_as_if_nothing_had_happened(world, stage)


def test_what_was_done_before_the_instance_stopped_is_recorded_and_the_rest_stays() -> None:
    """Two lists, one call each: the second one finds the instance busy."""
    world = World(connection(limits=Limits(concurrency=1)))
    world.simulator.script(Fault(code="608", path=LISTS, nth=2))
    world.post(event(ADA, ("a", REALIZED)))
    report = world.deliver(event(BOB, ("b", REALIZED)))
    assert len(report.requeued) == 1
    assert outcomes(world) == {"activated": 1}
    world.sleep(60)
    world.deliver()
    assert outcomes(world) == {"activated": 2}
    assert held(world)[1:] == ([ADA], [BOB])


# The connection is blocked


def status_of(world: World) -> Status:
    return world.connections.stored[world.connection.id].connection.status


@every_stage
@pytest.mark.parametrize("code", ["603", "1011", "1013"])
def test_a_blocked_connection_keeps_its_messages_says_why_and_goes_on_by_itself(stage: Stage, code: str) -> None:
    world = stage.disturbed(Fault(code=code))
    counted = received(world)
    world.deliver(stage.event)
    assert (len(world.waiting), len(world.queue.waiting)) == (1, 0)
    assert status_of(world) is Status.BLOCKED
    cause = world.connections.stored[world.connection.id].connection.blocked_cause
    assert cause is not None
    assert cause.startswith(f"{code}: ")
    assert received(world) == counted
    calm(world)
    world.run(world.now + RETRY_BLOCKED + 2 * MONITORED)
    assert status_of(world) is Status.ENABLED
    assert_as_if_nothing_had_happened(world, stage)


def test_a_blocked_connection_is_blocked_until_a_delivery_succeeds() -> None:
    world = World()
    world.connections.block(world.connection.id, "610: a cause", world.now)
    world.simulator.script(Fault(code="608", path="describe2"))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert status_of(world) is Status.BLOCKED
    world.now += RETRY_BLOCKED
    world.deliver()
    assert status_of(world) is Status.ENABLED
    assert outcomes(world) == {"activated": 1}


def test_wrong_credentials_block_until_they_are_fixed() -> None:
    world = World()
    client = world.simulator.identity.clients.pop("client")
    world.deliver(event(ADA, ("a", REALIZED)))
    assert status_of(world) is Status.BLOCKED
    world.simulator.identity.clients["client"] = client
    world.deliver()
    assert status_of(world) is Status.ENABLED
    assert outcomes(world) == {"activated": 1}


def test_a_permission_that_was_taken_away_blocks() -> None:
    world = World()
    clients = world.simulator.identity.clients
    client = clients["client"]
    clients["client"] = replace(client, permissions=("Read-Only Lead",))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert status_of(world) is Status.BLOCKED
    assert world.leads_now() == {}
    clients["client"] = client
    world.deliver()
    assert outcomes(world) == {"activated": 1}


@every_stage
@pytest.mark.parametrize("status", [302, 403, 404])
def test_a_page_of_another_host_blocks_until_it_is_marketo_again_and_nothing_is_lost(stage: Stage, status: int) -> None:
    world = stage.disturbed(Fault("http", status=status))
    world.deliver(stage.event)
    assert status_of(world) is Status.BLOCKED
    about = "API user" if status == 403 else f"Munchkin ID {MUNCHKIN}"
    assert about in (world.connections.stored[world.connection.id].connection.blocked_cause or "")
    assert (len(world.waiting), len(world.queue.waiting)) == (1, 0)
    calm(world)
    world.run(world.now + RETRY_BLOCKED + 2 * MONITORED)
    assert status_of(world) is Status.ENABLED
    assert_as_if_nothing_had_happened(world, stage)


def test_a_list_deleted_in_marketo_blocks_until_it_is_there_again() -> None:
    world = World(leads=[{"id": 7, "email": BOB}])
    deleted = world.simulator.state.lists.pop(1001)
    world.deliver(event(BOB, ("a", REALIZED)))
    cause = world.connections.stored[world.connection.id].connection.blocked_cause
    assert status_of(world) is Status.BLOCKED
    assert cause is not None
    assert "list" in cause
    assert received(world) == 0
    world.simulator.state.lists[1001] = deleted
    world.deliver()
    assert status_of(world) is Status.ENABLED
    assert world.members("a") == [7]


@pytest.mark.parametrize("code", ["1001", "1006", "702"])
@pytest.mark.parametrize("place", ["describe", "look up"])
def test_a_refusal_that_is_about_nobody_in_particular_fails_nobody(place: str, code: str) -> None:
    world = STAGES[place].disturbed(Fault(code=code))
    world.deliver(STAGES[place].event)
    assert len(world.waiting) == 1
    assert received(world) == 0
    calm(world)
    world.deliver()
    assert_as_if_nothing_had_happened(world, STAGES[place])
    assert status_of(world) is Status.ENABLED


def test_a_blocked_connection_does_not_hold_up_another_one_of_its_instance() -> None:
    world = World()
    target = world.connections.stored[world.connection.id]
    other = replace(target.connection, id="connection-2")
    activations = {key: replace(one, list_id=1002) for key, one in target.activations.items()}
    world.connections.stored[other.id] = ActiveConnection(other, activations)
    del world.simulator.state.lists[1001]
    world.post(event(ADA, ("a", REALIZED)))
    text = encode_event(event(BOB, ("a", REALIZED)))
    world.queue.send(other.id, [body for _, body in pack(other.id, START, [text], envelope_id="e-1")])
    world.deliver()
    assert len(world.waiting) == 1
    assert world.connections.stored[other.id].connection.status is Status.ENABLED
    assert len(world.members("b")) == 1


# The lease


def test_while_another_worker_delivers_to_the_instance_nothing_is_called() -> None:
    world = World()
    world.leases.acquire(MUNCHKIN, world.now, world.now + timedelta(hours=1))
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert len(report.requeued) == 1
    assert set(world.queue.invisible_for.values()) == {RETRY_LEASE.total_seconds()}
    assert world.simulator.log() == []
    world.now += timedelta(hours=1)
    world.deliver()
    assert outcomes(world) == {"activated": 1}


def test_a_lease_that_ends_while_we_wait_is_taken() -> None:
    world = World()
    world.leases.acquire(MUNCHKIN, world.now, world.now + MINUTE / 3)
    assert world.deliver(event(ADA, ("a", REALIZED))).requeued == ()
    assert world.now > START + MINUTE / 3


def test_who_lost_the_lease_records_nothing() -> None:
    world = World()

    def take_over() -> None:
        world.leases.held.clear()
        lease = world.leases.acquire(MUNCHKIN, world.now, world.now + MINUTE)
        assert lease is not None
        world.leases.enter(lease, range(SHARDS))

    meddle(world, creates, take_over)
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert len(report.requeued) == 1
    assert world.ledger.people == {}
    assert received(world) == 0
    world.now += timedelta(minutes=10)
    world.deliver()
    assert outcomes(world) == {"activated": 1}
    assert len(world.leads_now()) == 1


# What can never be delivered, and what cannot be delivered now


def poison(name: str, value: object) -> tuple[str, str]:
    """A message that would be good, were it not for a property of its envelope or of its only event."""
    own: dict[str, object] = {
        "id": None,
        "at": "2026-11-21T10:00:00Z",
        "profile": {"email": ADA},
        "identities": {},
        "audiences": [],
    }
    envelope: dict[str, object] = {
        "v": 1,
        "id": "envelope-1",
        "connection_id": "connection-1",
        "received_at": "2026-11-21T10:00:00Z",
        "first": 0,
        "events": [own],
    }
    (own if name in own else envelope)[name] = value
    return json.dumps(envelope), "UNDECODABLE_MESSAGE"


POISON = {
    "no JSON": ("not JSON", "UNDECODABLE_MESSAGE"),
    "another form": ('{"hello": 1}', "UNDECODABLE_MESSAGE"),
    "no object": ("[]", "UNDECODABLE_MESSAGE"),
    "a newer version": ('{"v": 2, "connection_id": "connection-1", "events": []}', "UNDECODABLE_MESSAGE"),
    "no connection": (
        '{"v": 1, "id": "e", "connection_id": "gone", "received_at": "2026-11-21T10:00:00Z", "first": 0, "events": []}',
        "UNKNOWN_CONNECTION",
    ),
    "bottomless": ("[" * 100_000, "UNDECODABLE_MESSAGE"),
    "an empty connection id": poison("connection_id", ""),
    "a long connection id": poison("connection_id", "c" * 65),
    "no time": poison("received_at", 5),
    "received before there was a system": poison("received_at", "0001-01-01T00:00:00Z"),
    "received in the far future": poison("received_at", "9999-12-31T23:59:59Z"),
    "events that are none": poison("events", ["event"]),
    "an id that is no string": poison("id", ["x"]),
    "a time that is no string": poison("at", 5),
    "a profile that is no object": poison("profile", ["email"]),
    "a number that JSON does not have": poison("profile", {"email": ADA, "score": float("nan")}),
    "a lone surrogate": poison("profile", {"email": ADA, "firstName": "\ud800"}),
    "a profile too deep": poison("profile", {"email": ADA, "nested": json.loads("[" * 100 + "]" * 100)}),
    "identities that are no object": poison("identities", [["email", ADA]]),
    "identities that are no strings": poison("identities", {"email": [["x"]]}),
    "an audience that is no string": poison("audiences", [[["x"], "a", "realized", "2026-11-21T10:00:00Z"]]),
    "an audience id that is no string": poison("audiences", [["ups", {}, "realized", "2026-11-21T10:00:00Z"]]),
    "a status that is none": poison("audiences", [["ups", "a", ["realized"], "2026-11-21T10:00:00Z"]]),
    "a membership without a time": poison("audiences", [["ups", "a", "realized", None]]),
}


@pytest.mark.parametrize(("body", "code"), POISON.values(), ids=list(POISON))
def test_what_can_never_be_delivered_goes_to_the_dead_letters_and_hurts_nobody(body: str, code: str) -> None:
    world = World()
    world.queue.send("gone", [body])
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert report.requeued == ()
    assert [(letter.code, letter.body) for letter in world.dead_letters.letters] == [(code, body)]
    assert outcomes(world) == {"activated": 1}


def test_what_no_dead_letter_can_be_written_for_stays_in_the_queue() -> None:
    world = World()
    world.dead_letters.refuses = lambda _: True
    world.letters.refuses = lambda _: True
    world.queue.send("gone", ["not JSON"])
    world.simulator.script(Fault("skip", "1003", path=LEADS, nth=2))
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert len(report.requeued) == 2
    assert received(world) == 0
    world.dead_letters.refuses = lambda _: False
    world.letters.refuses = lambda _: False
    world.simulator.script(Fault("skip", "1003", path=LEADS, nth=2))
    assert world.deliver().requeued == ()
    assert outcomes(world) == {"failed": 1}
    assert (len(world.dead_letters.letters), len(world.letters.bodies)) == (1, 1)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_a_connection_that_is_not_enabled_keeps_its_messages(status: Status) -> None:
    world = World(connection(status=status))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert (len(world.waiting), len(world.queue.waiting)) == (1, 0)
    assert world.simulator.log() == []
    enabled = replace(world.connection, status=Status.ENABLED)
    target = world.connections.stored[world.connection.id]
    world.connections.stored[world.connection.id] = replace(target, connection=enabled)
    world.deliver()
    assert outcomes(world) == {"activated": 1}


# The time budget


def test_without_time_for_a_call_all_is_given_back() -> None:
    world = World()
    world.post(event(ADA, ("a", REALIZED)))
    [message] = world.queue.waiting.values()
    report = world.sync([message], timedelta(seconds=60))
    assert report.requeued == (message.id,)
    assert world.calls() == []
    assert received(world) == 0


@pytest.mark.parametrize("seconds", range(110, 300, 25))
def test_wherever_the_time_ends_nothing_is_recorded_by_halves(seconds: int) -> None:
    world = World(connection(limits=Limits(calls_per_20s=1, concurrency=1)), [{"id": 7, "email": BOB}])
    world.post(event(ADA, ("a", REALIZED)), event(BOB, ("b", REALIZED), score=1))
    [message] = world.queue.waiting.values()
    world.sync([message], timedelta(seconds=seconds))
    rows = world.ledger.people.values()
    assert received(world) == sum(
        bool(one.applied) and all(told.is_sure for told in one.applied.values()) for one in rows
    )
    assert changes(world).get("created", 0) == len(world.leads_by_email(ADA))
    assert_balanced(world)
    while world.sync([message], timedelta(minutes=5)).requeued:
        continue
    assert outcomes(world) == {"activated": 2}
    assert held(world)[1:] == ([ADA], [BOB])
    assert len(world.leads_now()) == 2
    assert world.simulator.stats()["by_limit"] == {}
