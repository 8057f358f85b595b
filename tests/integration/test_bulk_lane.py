"""The bulk lane through the handler: rows in the bucket, the import in its table, an import of Marketo on a socket."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from destination.delivery import carry_extract, carry_imports
from destination.domain import lead_import
from destination.domain.capabilities import Capabilities
from destination.domain.created_leads import name_in_import
from destination.domain.lead_import import Group, ImportStage, LeadImport
from destination.domain.parking import WaitsFor
from destination.queue import EventQueue, import_message
from destination.store.capabilities import CapabilitiesOfInstances
from destination.store.lead_imports import ImportsOfConnections
from destination.store.leases import Leases
from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.aws import aws
from testing.composition import composed
from testing.importing import IN, PEOPLE, address, few_are_many
from testing.world import MUNCHKIN, event
from tests.integration.test_sync_function import NOW, Stage

GROUP = Group(1001, ("firstName", "lastName"))
SEED = {
    "lists": [{"name": "a", "id": 1001}, {"name": "b", "id": 1002}],
    "leads": [{"id": 100 + one, "email": address(one), "firstName": "Old"} for one in range(PEOPLE)],
}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Few are many, and nothing is waited for."""
    few_are_many(monkeypatch)
    monkeypatch.setattr(lead_import, "QUIET", timedelta(0))
    monkeypatch.setattr(carry_imports, "SECOND_LOOK", timedelta(0))
    settings = {"import_queue_seconds": 0, "import_seconds": 0, "export_queue_seconds": 0, "export_seconds": 0}
    simulator = Simulator(seed=SEED, settings=settings)
    with aws() as account, serve(simulator) as server, composed(account.environment(server.url)):
        CapabilitiesOfInstances(account.dynamodb, "ConnectionsTable").put(MUNCHKIN, Capabilities(joins_by_id=True))
        yield Stage(account, server.simulator)


def imports_of(stage: Stage) -> ImportsOfConnections:
    leases = Leases(stage.aws.dynamodb, "ConnectionsTable")
    return ImportsOfConnections(stage.aws.dynamodb, "RunsTable", stage.aws.s3, stage.aws.bucket, leases=leases)


def carry_on(stage: Stage, one: LeadImport) -> None:
    """What its message does when it is received again."""
    stage.aws.receive()
    queue = EventQueue(stage.aws.sqs, stage.aws.queue_url)
    queue.send(one.connection_id, [import_message(one.connection_id, one.id, one.queued_at)])
    stage.deliver()


def test_many_are_told_by_an_import_and_come_back_when_it_has_ended(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.connect()
    stage.post(*(event(address(one), ("a", IN), at=NOW, firstName="New", lastName="L") for one in range(PEOPLE)))
    assert stage.deliver() == set()
    (bundle,) = stage.parked
    assert (bundle.waits_for, bundle.events) == (WaitsFor.IMPORT, PEOPLE)
    one = imports_of(stage).gathering("connection-1", GROUP)
    assert one is not None
    assert one.rows == PEOPLE
    assert stage.members(1001) == []

    carry_on(stage, one)
    caplog.clear()
    carry_on(stage, one)
    (told,) = [one for one in caplog.records if one.message == "import ended"]
    assert (told.__dict__["rows"], told.__dict__["is_through"], told.__dict__["exceptions"]) == (PEOPLE, True, 0)
    assert imports_of(stage).rows(one) is None

    stage.deliver()
    assert stage.members(1001) == [100 + one for one in range(PEOPLE)]
    assert stage.counts("received", "activated", "updated", "added") == (PEOPLE,) * 4
    assert stage.parked == []


def test_exceptions_are_told_by_calls(stage: Stage) -> None:
    stage.connect()
    stage.post(*(event(address(one), ("a", IN), at=NOW, firstName="New", lastName="L") for one in range(PEOPLE)))
    stage.deliver()
    one = imports_of(stage).gathering("connection-1", GROUP)
    assert one is not None
    stage.marketo.state.delete_lead(stage.marketo.state.leads[103])
    carry_on(stage, one)
    carry_on(stage, one)
    assert imports_of(stage).exceptions(one) == {"103"}
    stage.deliver()
    assert len(stage.members(1001)) == PEOPLE
    assert stage.counts("activated", "created", "updated") == (PEOPLE, 1, PEOPLE - 1)


def test_new_people_are_created_by_an_import_and_their_leads_are_read_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_extract, "MIN_WAIT", timedelta(0))
    known = Capabilities(creates_on_list=True)
    CapabilitiesOfInstances(stage.aws.dynamodb, "ConnectionsTable").put(MUNCHKIN, known)
    stage.connect()
    people = [f"new{one}@example.org" for one in range(PEOPLE)]
    stage.post(*(event(one, ("a", IN), at=NOW, firstName="New", lastName="L") for one in people))
    stage.deliver()
    one = imports_of(stage).gathering("connection-1", Group(1001, GROUP.columns, "email", "Default"))
    assert one is not None
    for _ in range(4):
        carry_on(stage, one)
    ended = imports_of(stage).get("connection-1", one.id)
    assert ended is not None
    assert (ended.stage, ended.is_through, ended.exceptions) == (ImportStage.ENDED, True, 0)
    names = [name_in_import(each) for each in people]
    ids = imports_of(stage).ids(one, names)
    assert ids is not None
    leads = {lead_id: lead.values["email"] for lead_id, lead in stage.marketo.state.leads.items()}
    assert {each: leads[ids[name]] for each, name in zip(people, names, strict=True)} == {each: each for each in people}

    stage.deliver()
    assert stage.members(1001) == sorted(ids.values())
    assert stage.counts("received", "activated", "created", "added", "updated") == (*(PEOPLE,) * 4, 0)
    assert stage.parked == []
