"""The control plane's use case, over moto's AWS and the Marketo simulator in process."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import boto3
import pytest
import requests
from moto import mock_aws
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from destination.control.audiences import AlreadyBoundError, ManageAudiences
from destination.control.audit import Recorder
from destination.control.checks import CheckConnections
from destination.control.connections import IncompleteError, ManageConnections
from destination.control.emptying import Emptying
from destination.control.governance import ManagePolicies
from destination.control.removal import Removal
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import Connection, MappingRow, PersonAction, Status, SyncType
from destination.domain.credentials import ClientCredentials
from destination.domain.problem import ConfigurationError
from destination.marketo.errors import InstanceWaitsError
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.store.alerts import Alerts
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.governance import Policies
from destination.store.ingress import Ingresses
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret
from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.template import source, tables

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
TABLES = tables(source())
OPERATOR = "arn:aws:iam::123456789012:user/operator"
AUDIENCE = AudienceKey("ups", "aud-1")
CREDENTIALS = ClientCredentials("client", "secret")
DRAFT = Connection(
    id="",
    version=0,
    name="Webinar leads",
    munchkin_id="123-ABC-456",
    workspace="Default",
    sync_type=SyncType.AUDIENCE_ONLY,
    person_action=PersonAction.UPDATE_EXISTING_ONLY,
    dedupe_field="email",
    source_format="aep",
    status=Status.DRAFT,
    mapping=(MappingRow("email", "DedupeField"),),
)


@dataclass
class Plane:
    """The use cases, with the Marketo that they work on, and what delivery and the webhook know of connections."""

    management: ManageConnections
    activations: ManageAudiences
    delivering: DeliveringConnections
    ingresses: Ingresses
    marketo: Simulator

    def draft(self) -> str:
        return self.management.create(DRAFT, CREDENTIALS).connection.id

    def enabled(self) -> str:
        connection_id = self.draft()
        self.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
        self.management.enable(connection_id)
        return connection_id


@pytest.fixture
def plane() -> Iterator[Plane]:
    simulator = Simulator()
    http = requests.Session()
    http.mount("https://", SimulatorAdapter(simulator))
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        secretsmanager = boto3.client("secretsmanager")
        for name in ("ConnectionsTable", "LedgerTable", "RunsTable"):
            dynamodb.create_table(**TABLES[name])

        def token_of(connection: Connection, credentials: ClientCredentials) -> TokenSecret:
            return TokenSecret(secretsmanager, "dest", connection.munchkin_id, credentials)

        def marketo_for(connection: Connection, credentials: ClientCredentials) -> Marketo:
            return Marketo(
                munchkin_id=connection.munchkin_id,
                credentials=credentials,
                tokens=token_of(connection, credentials),
                http=http,
                pace=Pace(100, 10),
            )

        ids, tokens, records = itertools.count(1), itertools.count(1), itertools.count(1)
        connections = Connections(dynamodb, "ConnectionsTable")
        audiences = Audiences(dynamodb, "ConnectionsTable")
        credentials = Credentials(secretsmanager, "dest")
        leases = Leases(dynamodb, "ConnectionsTable")
        ledger = Ledger(dynamodb, "LedgerTable", leases=leases, runs=Runs(dynamodb, "RunsTable"))
        record = Recorder(
            Audit(dynamodb, "ConnectionsTable"),
            actor=lambda: OPERATOR,
            new_id=lambda: f"record-{next(records)}",
            clock=lambda: NOW,
        )
        governance = ManagePolicies(Policies(dynamodb, "ConnectionsTable"), connections, audiences, record)
        management = ManageConnections(
            connections=connections,
            credentials=credentials,
            removal=Removal(connections, credentials, Alerts(dynamodb, "RunsTable"), token_of, record),
            record=record,
            governance=governance,
            checks=CheckConnections(connections, credentials, marketo_for, lambda: NOW),
            alerts=Alerts(dynamodb, "RunsTable"),
            token_of=token_of,
            new_id=lambda: f"connection-{next(ids)}",
            new_token=lambda: f"token-{next(tokens)}",
            clock=lambda: NOW,
        )
        activations = ManageAudiences(
            connections=connections,
            audiences=audiences,
            credentials=credentials,
            marketo_for=marketo_for,
            emptying=Emptying(leases, ledger, marketo_for, clock=lambda: NOW, sleep=lambda _: None),
            governance=governance,
            record=record,
        )
        delivering = DeliveringConnections(dynamodb, "ConnectionsTable")
        yield Plane(management, activations, delivering, Ingresses(dynamodb, "ConnectionsTable"), simulator)


def test_a_new_connection_is_a_draft_of_its_own_id_and_token(plane: Plane) -> None:
    made = plane.management.create(replace(DRAFT, status=Status.ENABLED), CREDENTIALS)
    assert made.connection == replace(DRAFT, id="connection-1", version=1)
    assert made.token == "token-1"
    assert "token-1" not in repr(made)
    assert plane.management.get("connection-1") == made.connection
    ingress = plane.ingresses.get("connection-1")
    assert ingress is not None
    assert ingress.token_hash == hashlib.sha256(b"token-1").hexdigest()


def test_a_refused_draft_leaves_no_credentials(plane: Plane) -> None:
    with pytest.raises(ConfigurationError, match="munchkin_id: must be a Munchkin ID"):
        plane.management.create(replace(DRAFT, munchkin_id="x"), CREDENTIALS)
    with pytest.raises(NotFoundError):
        plane.management.credentials.get("connection-1")


def test_of_two_changes_of_one_version_one_is_made_with_its_credentials(plane: Plane) -> None:
    before = plane.management.get(plane.draft())
    plane.management.change(before, replace(before, name="First"), ClientCredentials("client", "first"))
    with pytest.raises(StaleVersionError):
        plane.management.change(before, replace(before, name="Second"), ClientCredentials("client", "second"))
    assert plane.management.get(before.id).name == "First"
    assert plane.management.credentials.get(before.id).client_secret == "first"


class WatchedConnections(Connections):
    """Notes which client secret is found when a version comes to be seen."""

    found: list[str]
    credentials: Credentials

    def update(self, connection: Connection, *beside: TransactWriteItemTypeDef) -> Connection:
        self.found = [self.credentials.get(connection.id).client_secret]
        return super().update(connection, *beside)


def test_whoever_sees_the_new_version_finds_the_new_credentials(plane: Plane) -> None:
    before = plane.management.get(plane.draft())
    watched = WatchedConnections(boto3.client("dynamodb"), "ConnectionsTable")
    watched.credentials = plane.management.credentials
    management = replace(plane.management, connections=watched)
    management.change(before, before, ClientCredentials("client", "new"))
    assert watched.found == ["new"]


def test_a_list_that_was_made_anew_meanwhile_is_kept(plane: Plane) -> None:
    connection_id = plane.draft()
    bound, _ = plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert bound.list_id is not None
    plane.delivering.rebind(connection_id, AUDIENCE, bound.list_id, 4711, "Webinar")
    renamed = plane.activations.change(connection_id, bound, replace(bound, name="Renamed"))
    assert (renamed.name, renamed.list_id, renamed.version) == ("Renamed", 4711, 2)
    assert plane.activations.get(connection_id, AUDIENCE) == renamed


def test_a_connection_has_room_for_so_many_audiences(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("destination.domain.audience_rules.MAX_ACTIVATIONS", 1)
    connection_id = plane.draft()
    plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    with pytest.raises(ConfigurationError, match="id: is one too many"):
        plane.activations.activate(connection_id, Activation(AudienceKey("ups", "aud-2"), "Another"))
    assert not plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))[1]


def test_a_block_during_a_change_stays(plane: Plane) -> None:
    before = plane.management.get(plane.enabled())
    plane.delivering.block(before.id, "603: access denied")
    plane.management.change(before, replace(before, name="Renamed"))
    after = plane.management.get(before.id)
    assert (after.name, after.status, after.blocked_cause) == ("Renamed", Status.BLOCKED, "603: access denied")


def test_a_change_that_leaves_an_enabled_connection_incomplete_is_refused(plane: Plane) -> None:
    before = plane.management.get(plane.enabled())
    with pytest.raises(IncompleteError, match="mapping"):
        plane.management.change(before, replace(before, mapping=()))
    disabled = plane.management.disable(before.id)
    assert plane.management.change(disabled, replace(disabled, mapping=())).mapping == ()
    with pytest.raises(IncompleteError, match="mapping"):
        plane.management.enable(before.id)


def test_a_list_is_found_again_after_an_answer_that_was_lost(plane: Plane) -> None:
    connection_id = plane.draft()
    plane.marketo.script(Fault(effect="drop", executes=True, method="POST", path=r"/rest/asset/v1/staticLists\.json"))
    with pytest.raises(InstanceWaitsError):
        plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert plane.activations.list(connection_id) == ()
    activation, new = plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert new
    lists: list[dict[str, object]] = plane.marketo.dump()["lists"]
    assert [one["id"] for one in lists] == [activation.list_id]


def test_an_audience_is_bound_to_one_list(plane: Plane) -> None:
    connection_id = plane.draft()
    bound, _ = plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    assert bound.list_id is not None
    with pytest.raises(AlreadyBoundError, match=str(bound.list_id)):
        plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar", list_id=bound.list_id + 1))
    assert plane.activations.get(connection_id, AUDIENCE) == bound


def test_an_audience_without_a_list_gets_one_when_the_connection_comes_to_keep_lists(plane: Plane) -> None:
    made = plane.management.create(replace(DRAFT, sync_type=SyncType.PROFILE_ONLY), CREDENTIALS).connection
    plane.activations.activate(made.id, Activation(AUDIENCE, "Webinar"))
    plane.management.change(made, replace(made, sync_type=SyncType.AUDIENCE_ONLY))
    with pytest.raises(IncompleteError, match="activate it again"):
        plane.management.enable(made.id)
    activation, new = plane.activations.activate(made.id, Activation(AUDIENCE, "Webinar"))
    assert (new, activation.list_name) == (False, "Webinar")
    assert plane.management.enable(made.id).status is Status.ENABLED


def test_a_list_is_that_of_one_audience(plane: Plane) -> None:
    connection_id = plane.draft()
    plane.activations.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    namesake = Activation(AudienceKey("csv", "aud-1"), "Webinar")
    with pytest.raises(AlreadyBoundError, match="choose another name"):
        plane.activations.activate(connection_id, namesake)
    assert plane.activations.activate(connection_id, replace(namesake, name="Webinar, imported"))[1]


def test_a_connection_that_keeps_no_lists_for_now_remembers_those_it_had(plane: Plane) -> None:
    before = plane.management.get(plane.draft())
    bound, _ = plane.activations.activate(before.id, Activation(AUDIENCE, "Webinar"))
    plane.management.change(before, replace(before, sync_type=SyncType.PROFILE_ONLY))
    renamed = plane.activations.change(before.id, bound, replace(bound, name="Renamed"))
    again, _ = plane.activations.activate(before.id, Activation(AUDIENCE, "Renamed again"))
    assert renamed.list_id == again.list_id == bound.list_id


def test_deleting_can_be_repeated_after_it_broke_off(plane: Plane) -> None:
    connection_id = plane.enabled()
    activation = plane.activations.get(connection_id, AUDIENCE)
    plane.management.credentials.delete(connection_id)
    plane.activations.audiences.delete(connection_id, activation)
    plane.management.delete(connection_id, discard=True)
    with pytest.raises(NotFoundError):
        plane.management.get(connection_id)
