"""Trouble that is not Marketo's: AWS refuses, dead letters cannot be stored, a message waits for long."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from destination.delivery.requeue import EAGER_RECEIVES, PATIENT_DELAY
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection, Limits, MappingRow, OnInvalid, Status
from destination.domain.event import MembershipStatus
from destination.domain.parking import WaitsFor
from destination.domain.pause import PATIENCE, UNKNOWN_CREATION, Pause
from destination.domain.person import LedgerRow
from destination.domain.run import run_id
from destination.marketo.errors import NOT_SEARCHABLE
from destination.marketo.instance import Marketo
from destination.queue import encode_event, pack, verification_message
from destination.store.errors import NotFoundError
from marketo_simulator import Fault
from testing.counts import outcomes
from testing.world import MONITORED, MUNCHKIN, START, World, connection, event

REALIZED = MembershipStatus.REALIZED
VERIFICATION = "20261121T120000000000Z-00000000"
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "…"}}, "BatchGetItem")


def test_what_aws_refuses_for_one_instance_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    other = replace(world.connection, id="connection-2", munchkin_id="999-XYZ-999")
    activations = world.connections.stored[world.connection.id].activations
    world.connections.stored[other.id] = ActiveConnection(other, activations)
    rows = world.ledger.rows

    def throttled(
        connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        if connection_id == other.id:
            raise THROTTLED
        return rows(connection_id, keys, audiences)

    monkeypatch.setattr(world.ledger, "rows", throttled)
    world.post(event("ada@example.org", ("a", REALIZED)))
    [body] = [message.body for message in world.queue.waiting.values()]
    world.queue.send(other.id, [body.replace("connection-1", "connection-2")])
    report = world.deliver()
    assert [world.queue.waiting[one].body.count("connection-2") for one in report.requeued] == [1]
    assert outcomes(world) == {"activated": 1}
    assert set(world.leases.held) == set()


def test_a_connection_that_cannot_be_read_costs_only_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def refused(connection_id: str) -> ActiveConnection:
        raise THROTTLED

    monkeypatch.setattr(world.connections, "active", refused)
    report = world.deliver(event("ada@example.org", ("a", REALIZED)))
    assert len(report.requeued) == 1


def test_without_their_letter_both_persons_of_an_event_stay_pending() -> None:
    mapping = (
        MappingRow("identityMap.email", "DedupeField"),
        MappingRow("firstName", "firstName"),
        MappingRow("lastName", "lastName"),
        MappingRow("score", "leadScore"),
    )
    world = World(connection(mapping=mapping, on_invalid=OnInvalid.FAIL))
    world.letters.refuses = lambda _: True
    two = replace(event(None, ("a", REALIZED), score="high"), identities={"email": ("a@example.org", "b@example.org")})
    report = world.deliver(two)
    assert (len(report.requeued), outcomes(world)) == (1, {})
    world.letters.refuses = lambda _: False
    world.deliver()
    assert (outcomes(world), len(world.letters.bodies)) == ({"failed": 2}, 1)


def test_a_connection_is_not_unblocked_by_a_delivery_that_asked_marketo_nothing() -> None:
    world = World()
    said = event("ada@example.org", ("a", REALIZED))
    world.deliver(said)
    world.connections.block(world.connection.id, "1013: a list is gone", world.now)
    world.deliver(said)
    assert world.connections.stored[world.connection.id].connection.status is Status.BLOCKED


def test_a_dedupe_field_that_marketo_cannot_search_blocks_the_connection_without_a_lookup() -> None:
    world = World(connection(dedupe_field="company"))
    world.deliver(event("ada@example.org", ("a", REALIZED)))
    stored = world.connections.stored[world.connection.id].connection
    assert (stored.status, (stored.blocked_cause or "")[:4]) == (Status.BLOCKED, NOT_SEARCHABLE)
    assert "GET /rest/v1/leads.json" not in world.calls()


def test_an_unknown_code_of_describe_is_waited_out_and_then_blocks_the_connection() -> None:
    world = World()
    world.leases.pauses[MUNCHKIN] = Pause(START - timedelta(hours=1), "9999", "…", PATIENCE)
    world.simulator.script(Fault(code="9999", path="describe2", every=1))
    world.deliver(event("ada@example.org", ("a", REALIZED)))
    assert world.connections.stored[world.connection.id].connection.status is Status.BLOCKED


def test_what_was_given_back_often_is_parked_for_an_hour() -> None:
    world = World()
    world.leases.acquire(MUNCHKIN, world.now, world.now + timedelta(minutes=20))
    world.post(event("ada@example.org", ("a", REALIZED)))
    [message] = world.queue.waiting.values()
    report = world.sync([replace(message, receives=EAGER_RECEIVES)], timedelta(minutes=5))
    assert (report.requeued, world.parking.stored) == ((message.id,), {})
    report = world.sync([replace(message, receives=EAGER_RECEIVES + 1)], timedelta(minutes=5))
    [bundle] = world.parking.stored
    assert (report.requeued, bundle.waits_for) == ((), WaitsFor.RETRY)
    assert PATIENT_DELAY <= bundle.due_at - world.now <= PATIENT_DELAY + MONITORED
    world.queue.delete([message.id])
    world.run(world.now + PATIENT_DELAY + 2 * MONITORED)
    assert (outcomes(world), world.waiting) == ({"activated": 1}, [])


def test_the_lease_is_given_up_when_aws_refuses_right_after_it_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def refused(munchkin_id: str) -> list[Limits]:
        raise THROTTLED

    monkeypatch.setattr(world.connections, "limits", refused)
    report = world.deliver(event("ada@example.org", ("a", REALIZED)))
    assert (len(report.requeued), world.leases.held) == (1, {})
    assert report.halts == {world.connection.id: "AWS: ThrottlingException"}


def test_the_pause_after_a_lost_creation_outlives_trouble_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marketo may still be creating, so nobody may create meanwhile."""
    world = World()
    world.simulator.script(Fault("drop", executes=True, method="POST", path="^/rest/v1/leads.json$", nth=2))

    def refused(*_: object) -> None:
        raise THROTTLED

    with monkeypatch.context() as trouble:
        trouble.setattr(world.ledger, "record", refused)
        report = world.deliver(event("ada@example.org", ("a", REALIZED)))
    pause = world.leases.circuits[MUNCHKIN]["create"].pause
    assert pause is not None
    assert pause.until >= START + UNKNOWN_CREATION
    assert len(report.requeued) == 1
    world.deliver()
    assert (len(world.leads_by_email("ada@example.org")), outcomes(world)) == (1, {"activated": 1})


def test_what_has_no_credentials_waits_for_them_although_aws_refuses_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    bare = connection(id="connection-2", name="Without credentials")
    world.connections.stored[bare.id] = replace(world.connections.active(world.connection.id), connection=bare)

    def marketo(of: Connection) -> Marketo:
        if of.id == bare.id:
            raise NotFoundError("there are no credentials")
        return world.marketo

    def refused(munchkin_id: str) -> list[Limits]:
        raise THROTTLED

    monkeypatch.setattr(world.connections, "limits", refused)
    world.sync = world.delivery(marketo=marketo)
    for name in (bare.id, world.connection.id):
        text = encode_event(event("a@example.org"))
        world.queue.send(name, [body for _, body in pack(name, world.now, [text], envelope_id=name)])
    report = world.deliver()
    without = "NO_CREDENTIALS: the connection has no credentials, or they are gone from their secret"
    assert report.halts == {bare.id: without, world.connection.id: "AWS: ThrottlingException"}
    assert list(world.queue.invisible_for.values()) == [20]
    assert [(one.connection_id, one.waits_for) for one in world.parking.stored] == [(bare.id, WaitsFor.BLOCKED)]


def test_the_calls_of_a_delivery_count_in_the_hour_of_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.post(event("ada@example.org", ("a", REALIZED)))
    later = START + timedelta(hours=2)
    world.queue.send(world.connection.id, [verification_message(world.connection.id, VERIFICATION, later)])
    world.now = later
    world.deliver()
    runs = {run.id: run.tally.counts["marketo_calls"] > 0 for run in world.ledger.runs.stored.values()}
    assert runs == {run_id(START): True}
