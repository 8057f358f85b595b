"""The connections and secrets in moto's tables: what is written is what is read, and who wins when two write."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef
from mypy_boto3_secretsmanager import SecretsManagerClient

from destination.domain.audience import Activation, AudienceKey
from destination.domain.audit import AuditAction, AuditRecord
from destination.domain.connection import (
    DELIVERING,
    Connection,
    Limits,
    MappingRow,
    OnInvalid,
    PersonAction,
    Scope,
    Status,
    SyncType,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.cursors import InvalidCursorError
from destination.store.delivering import DeliveringConnections
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.ingress import Ingress, Ingresses
from destination.store.secrets import Credentials, TokenSecret
from testing.template import source, tables

TABLE = tables(source())["ConnectionsTable"]
CONNECTION = Connection(
    id="c-1",
    version=1,
    name="Webinar leads",
    munchkin_id="123-ABC-456",
    workspace="Default",
    sync_type=SyncType.AUDIENCE_AND_PROFILE,
    person_action=PersonAction.UPDATE_EXISTING_AND_CREATE_NEW,
    dedupe_field="email",
    source_format="aep",
    status=Status.DRAFT,
    description="People of the spring webinars",
    partition="EMEA",
    mapping=(
        MappingRow("personalEmail.address", "DedupeField"),
        MappingRow("person.name.firstName", "firstName", WhenMissing.CLEAR, WhenEmpty.SEND),
    ),
    limits=Limits(calls_per_20s=50, concurrency=3, daily_calls=1000),
    scope=Scope.ALL_PROFILES,
    on_invalid=OnInvalid.FAIL,
    resend_unchanged_after=timedelta(hours=1),
    lead_cache=timedelta(0),
)
ENABLED = replace(CONNECTION, status=Status.ENABLED)
AUDIENCE = AudienceKey("ups", "aud#1")
ACTIVATION = Activation(
    audience=AUDIENCE,
    name="Webinar, spring",
    origin="Segmentation Service",
    start=datetime(2026, 11, 1, tzinfo=UTC),
    end=datetime(2026, 12, 1, tzinfo=UTC),
    list_id=1001,
    list_name="Webinar, spring",
)
STORED = replace(ACTIVATION, version=1)
SINCE = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        yield boto3.client("dynamodb")


@pytest.fixture
def connections(dynamodb: DynamoDBClient) -> Connections:
    dynamodb.create_table(**TABLE)
    return Connections(dynamodb, TABLE["TableName"])


@pytest.fixture
def audiences(dynamodb: DynamoDBClient, connections: Connections) -> Audiences:
    return Audiences(dynamodb, TABLE["TableName"])


@pytest.fixture
def delivering(dynamodb: DynamoDBClient, connections: Connections) -> DeliveringConnections:
    return DeliveringConnections(dynamodb, TABLE["TableName"])


@pytest.fixture
def ingresses(dynamodb: DynamoDBClient, connections: Connections) -> Ingresses:
    return Ingresses(dynamodb, TABLE["TableName"])


def test_a_connection_reads_as_it_was_written(connections: Connections) -> None:
    connections.create(CONNECTION, token_hash="0f")
    assert connections.get("c-1") == CONNECTION


def test_what_was_left_out_reads_as_its_default(connections: Connections) -> None:
    sparse = replace(CONNECTION, description=None, partition=None, mapping=())
    connections.create(sparse, token_hash="0f")
    assert connections.get("c-1") == sparse


def test_an_unknown_connection_is_not_found(connections: Connections, ingresses: Ingresses) -> None:
    with pytest.raises(NotFoundError, match="c-9"):
        connections.get("c-9")
    with pytest.raises(NotFoundError, match="c-9"):
        connections.active("c-9")
    with pytest.raises(NotFoundError, match="c-9"):
        connections.update(replace(CONNECTION, id="c-9"))
    assert ingresses.get("c-9") is None


def test_an_id_is_taken_once(connections: Connections) -> None:
    connections.create(CONNECTION, token_hash="0f")
    with pytest.raises(StaleVersionError):
        connections.create(replace(CONNECTION, name="Another"), token_hash="1f")
    assert connections.get("c-1").name == "Webinar leads"


def test_the_webhook_reads_only_what_it_checks(connections: Connections, ingresses: Ingresses) -> None:
    connections.create(CONNECTION, token_hash="0f")
    ingress = ingresses.get("c-1")
    assert ingress == Ingress("c-1", Status.DRAFT, "aep", "0f")
    assert "0f" not in repr(ingress)


def test_an_update_raises_the_version_and_leaves_status_and_token(
    connections: Connections, delivering: DeliveringConnections, ingresses: Ingresses
) -> None:
    connections.create(ENABLED, token_hash="0f")
    delivering.block("c-1", "605: wrong method")
    changed = connections.update(replace(ENABLED, name="Renamed", partition=None))
    assert (changed.version, changed.name, changed.partition) == (2, "Renamed", None)
    assert connections.get("c-1") == changed
    assert ingresses.get("c-1") == Ingress("c-1", Status.BLOCKED, "aep", "0f")


def test_of_two_changes_of_one_version_the_second_is_stale(connections: Connections) -> None:
    connections.create(CONNECTION, token_hash="0f")
    connections.update(replace(CONNECTION, name="First"))
    with pytest.raises(StaleVersionError, match="version 1"):
        connections.update(replace(CONNECTION, name="Second"))
    with pytest.raises(StaleVersionError, match="version 1"):
        connections.set_status("c-1", 1, Status.ENABLED)
    assert connections.get("c-1").name == "First"


def test_setting_the_status_forgets_a_block(connections: Connections, delivering: DeliveringConnections) -> None:
    connections.create(ENABLED, token_hash="0f")
    delivering.block("c-1", "605: wrong method")
    connections.set_status("c-1", 1, Status.DISABLED)
    assert connections.get("c-1") == replace(ENABLED, status=Status.DISABLED, version=2)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_only_an_enabled_connection_is_blocked(
    connections: Connections, status: Status, delivering: DeliveringConnections
) -> None:
    connections.create(replace(CONNECTION, status=status), token_hash="0f")
    delivering.block("c-1", "603: access denied")
    delivering.unblock("c-1")
    assert connections.get("c-1") == replace(CONNECTION, status=status)


def test_a_block_shows_its_newest_cause_and_ends_without_a_trace(
    connections: Connections, delivering: DeliveringConnections
) -> None:
    connections.create(ENABLED, token_hash="0f")
    delivering.block("c-1", "603: access denied")
    delivering.block("c-1", "610: not found")
    assert connections.get("c-1") == replace(ENABLED, status=Status.BLOCKED, blocked_cause="610: not found")
    delivering.unblock("c-1")
    assert connections.get("c-1") == ENABLED


def test_a_block_of_an_unknown_connection_makes_none(delivering: DeliveringConnections, ingresses: Ingresses) -> None:
    delivering.block("c-9", "603: access denied")
    assert ingresses.get("c-9") is None


def test_an_activation_reads_as_it_was_written(connections: Connections, audiences: Audiences) -> None:
    connections.create(CONNECTION, token_hash="0f")
    assert audiences.put("c-1", ACTIVATION) == STORED
    assert audiences.get("c-1", AUDIENCE) == STORED


def test_activating_again_replaces(connections: Connections, audiences: Audiences) -> None:
    connections.create(CONNECTION, token_hash="0f")
    first = audiences.put("c-1", ACTIVATION)
    bare = audiences.put("c-1", Activation(AUDIENCE, "Bare"), first)
    renamed = audiences.put("c-1", Activation(AUDIENCE, "Renamed"), bare)
    assert audiences.list("c-1") == (renamed,)
    assert renamed == Activation(AUDIENCE, "Renamed", version=3)


@pytest.mark.parametrize(
    "before",
    [None, replace(ACTIVATION, version=2), replace(ACTIVATION, version=1, list_id=9999), Activation(AUDIENCE, "Bare")],
)
def test_a_change_of_another_activation_than_there_is_is_stale(
    connections: Connections, before: Activation | None, audiences: Audiences
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    audiences.put("c-1", ACTIVATION)
    with pytest.raises(StaleVersionError, match="meanwhile"):
        audiences.put("c-1", replace(ACTIVATION, name="Renamed"), before)
    assert audiences.list("c-1") == (STORED,)


def test_a_list_made_anew_is_kept_by_a_change_that_was_begun_before(
    connections: Connections, audiences: Audiences, delivering: DeliveringConnections
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    before = audiences.put("c-1", ACTIVATION)
    delivering.rebind("c-1", AUDIENCE, 1001, 2002, "Made anew")
    assert audiences.get("c-1", AUDIENCE).version == before.version
    renamed = audiences.put("c-1", replace(before, name="Renamed"), before)
    assert (renamed.name, renamed.list_id, renamed.list_name, renamed.version) == ("Renamed", 2002, "Made anew", 2)
    delivering.rebind("c-1", AUDIENCE, 1001, 3003, "Too late")
    assert audiences.get("c-1", AUDIENCE) == renamed


def test_audiences_of_a_connection_that_is_gone_or_going_are_not_changed(
    connections: Connections, audiences: Audiences
) -> None:
    with pytest.raises(NotFoundError, match="c-1"):
        audiences.put("c-1", ACTIVATION)
    connections.create(ENABLED, token_hash="0f")
    activation = audiences.put("c-1", ACTIVATION)
    connections.begin_deletion("c-1", 1, SINCE)
    with pytest.raises(DeletingError, match="c-1"):
        audiences.put("c-1", replace(activation, name="Renamed"), activation)
    with pytest.raises(DeletingError, match="c-1"):
        audiences.delete("c-1", activation)
    assert audiences.list("c-1") == (activation,)


@pytest.mark.parametrize("before", [Activation(AUDIENCE, "Bare"), ACTIVATION])
def test_a_change_does_not_bring_back_what_was_deactivated(
    connections: Connections, before: Activation, audiences: Audiences
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    with pytest.raises(StaleVersionError):
        audiences.put("c-1", before, before)
    assert audiences.list("c-1") == ()


def test_the_limits_of_an_instance_are_those_of_what_delivers_to_it(
    connections: Connections, delivering: DeliveringConnections
) -> None:
    for calls, status in enumerate(Status, 1):
        connections.create(replace(CONNECTION, id=status, status=status, limits=Limits(calls)), token_hash="0f")
    connections.create(replace(ENABLED, id="other", munchkin_id="999-ZZZ-999"), token_hash="0f")
    counted = [calls for calls, status in enumerate(Status, 1) if status in DELIVERING]
    assert sorted(one.calls_per_20s for one in delivering.limits("123-ABC-456")) == counted


def test_the_active_connection_has_all_its_activations(connections: Connections, audiences: Audiences) -> None:
    connections.create(CONNECTION, token_hash="0f")
    connections.create(replace(CONNECTION, id="c-2"), token_hash="1f")
    many = [Activation(AudienceKey("ups", f"aud-{index:03}"), "n" * 5000) for index in range(250)]
    for activation in many:
        audiences.put("c-1", activation)
    audiences.put("c-2", ACTIVATION)
    active = connections.active("c-1")
    assert active.connection == CONNECTION
    assert dict(active.activations) == {activation.audience: replace(activation, version=1) for activation in many}


def test_the_same_audience_id_in_two_namespaces_is_two_activations(
    connections: Connections, audiences: Audiences
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    mine = audiences.put("c-1", ACTIVATION)
    other = audiences.put("c-1", replace(ACTIVATION, audience=AudienceKey("csv", "aud#1")))
    audiences.delete("c-1", mine)
    assert audiences.list("c-1") == (other,)
    with pytest.raises(NotFoundError, match="aud#1"):
        audiences.get("c-1", AUDIENCE)


def test_deleting_a_connection_takes_its_activations_along(
    connections: Connections, audiences: Audiences, ingresses: Ingresses
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    audiences.put("c-1", ACTIVATION)
    connections.remove("c-1")
    assert ingresses.get("c-1") is None
    assert audiences.list("c-1") == ()
    connections.remove("c-1")


def test_a_block_of_what_is_being_deleted_shows_its_cause_and_nothing_else(
    connections: Connections, delivering: DeliveringConnections
) -> None:
    connections.create(ENABLED, token_hash="0f")
    going = connections.begin_deletion("c-1", 1, SINCE)
    assert going == replace(ENABLED, status=Status.DELETING, deleting_since=SINCE, version=2)
    delivering.block("c-1", "603: access denied")
    assert connections.get("c-1") == replace(going, blocked_cause="603: access denied")
    delivering.unblock("c-1")
    assert connections.get("c-1") == going


def test_a_rotated_token_leaves_the_one_before_until_a_time_and_no_older_one(
    connections: Connections, ingresses: Ingresses
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    connections.rotate_token("c-1", 1, "1f", SINCE)
    connections.rotate_token("c-1", 2, "2f", SINCE + timedelta(hours=1))
    ingress = ingresses.get("c-1")
    assert ingress == Ingress("c-1", Status.DRAFT, "aep", "2f", "1f", SINCE + timedelta(hours=1))
    assert "1f" not in repr(ingress)
    with pytest.raises(StaleVersionError):
        connections.rotate_token("c-1", 2, "3f", SINCE)


def test_what_is_written_beside_a_change_is_written_with_it_or_not_at_all(
    dynamodb: DynamoDBClient, connections: Connections, audiences: Audiences
) -> None:
    def note(name: str) -> TransactWriteItemTypeDef:
        return {"Put": {"TableName": TABLE["TableName"], "Item": {"pk": {"S": "note"}, "sk": {"S": name}}}}

    connections.create(CONNECTION, "0f", note("created"))
    activation = audiences.put("c-1", ACTIVATION, None, note("activated"))
    connections.update(CONNECTION, note("changed"))
    for refused in (
        lambda: connections.create(CONNECTION, "0f", note("refused")),
        lambda: connections.update(CONNECTION, note("refused")),
        lambda: audiences.put("c-1", ACTIVATION, None, note("refused")),
        lambda: audiences.delete("c-1", replace(activation, version=9), note("refused")),
    ):
        with pytest.raises(StaleVersionError):
            refused()
    audiences.delete("c-1", activation, note("deactivated"))
    connections.remove("c-1", note("removed"))
    connections.remove("c-1", note("removed again"))
    notes = dynamodb.query(
        TableName=TABLE["TableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "note"}},
    )["Items"]
    assert {one["sk"]["S"] for one in notes} == {"created", "activated", "changed", "deactivated", "removed"}


def test_the_listing_pages_through_every_connection_by_instance(
    dynamodb: DynamoDBClient, connections: Connections, audiences: Audiences
) -> None:
    ids = [f"c-{index}" for index in range(5)]
    for index, connection_id in enumerate(ids):
        munchkin_id = "999-ZZZ-999" if index == 0 else "123-ABC-456"
        connections.create(replace(CONNECTION, id=connection_id, munchkin_id=munchkin_id), token_hash="0f")
    audiences.put("c-1", ACTIVATION)
    audit = Audit(dynamodb, TABLE["TableName"]).put(
        AuditRecord("r-1", SINCE, "local", AuditAction.ENABLE_CONNECTION, "c-1")
    )
    dynamodb.transact_write_items(TransactItems=[audit])
    listed, cursor = [], None
    for _ in range(3):
        page = connections.list(cursor, limit=2)
        listed += [connection.id for connection in page.connections]
        cursor = page.cursor
    assert listed == [*ids[1:], ids[0]]
    assert cursor is None
    assert [connection.id for connection in connections.all()] == listed
    assert {connection.id for connection in connections.of_instance("123-ABC-456")} == set(ids[1:])


@pytest.mark.parametrize("cursor", ["", "x", "é", "YWJj", "AAAA//"])
def test_a_cursor_that_no_listing_gave_is_refused(connections: Connections, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        connections.list(cursor)


@pytest.fixture
def secretsmanager() -> Iterator[SecretsManagerClient]:
    with mock_aws():
        yield boto3.client("secretsmanager")


def test_credentials_read_as_they_were_written_last(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    credentials.put("c-1", ClientCredentials("id-1", "secret-1"))
    credentials.put("c-1", ClientCredentials("id-1", "secret-2"))
    assert credentials.get("c-1") == ClientCredentials("id-1", "secret-2")
    stored = secretsmanager.get_secret_value(SecretId="dest/credentials/c-1")["SecretString"]
    assert json.loads(stored) == {"client_id": "id-1", "client_secret": "secret-2"}


def test_deleted_credentials_are_gone_at_once(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    credentials.put("c-1", ClientCredentials("id-1", "secret-1"))
    credentials.delete("c-1")
    credentials.delete("c-1")
    with pytest.raises(NotFoundError, match="c-1"):
        credentials.get("c-1")
    assert secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


def shared_token(
    secretsmanager: SecretsManagerClient, client_id: str = "id-1", client_secret: str = "secret-1"
) -> TokenSecret:
    return TokenSecret(secretsmanager, "dest", "123-ABC-456", ClientCredentials(client_id, client_secret))


def test_a_token_is_shared_by_instance_and_api_user(secretsmanager: SecretsManagerClient) -> None:
    expires_at = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
    mine = shared_token(secretsmanager)
    assert mine.get() is None
    mine.put(AccessToken("t-1", expires_at))
    mine.put(AccessToken("t-2", expires_at + timedelta(hours=1)))
    assert shared_token(secretsmanager).get() == AccessToken("t-2", expires_at + timedelta(hours=1))
    assert shared_token(secretsmanager, client_id="id-2").get() is None


def test_a_token_serves_only_those_who_know_the_client_secret(secretsmanager: SecretsManagerClient) -> None:
    shared_token(secretsmanager).put(AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC)))
    assert shared_token(secretsmanager, client_secret="another").get() is None


def test_losing_the_race_to_create_a_secret_writes_it_after_all(secretsmanager: SecretsManagerClient) -> None:
    token = shared_token(secretsmanager)

    def another_worker_creates_it(**_: object) -> None:
        another = boto3.client("secretsmanager")
        another.create_secret(Name="dest/tokens/123-ABC-456/id-1", SecretString="{}")

    secretsmanager.meta.events.register_first("before-call.secretsmanager.CreateSecret", another_worker_creates_it)
    token.put(AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC)))
    found = token.get()
    assert found is not None
    assert found.value == "t-1"


def test_no_secret_shows_in_a_representation() -> None:
    token = AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC))
    assert "t-1" not in repr(token)
    assert "secret-1" not in repr(ClientCredentials("id-1", "secret-1"))


def test_a_deleted_token_is_gone_for_all_who_shared_it(secretsmanager: SecretsManagerClient) -> None:
    shared_token(secretsmanager).put(AccessToken("token-1", datetime(2026, 11, 21, tzinfo=UTC)))
    for _ in range(2):
        shared_token(secretsmanager).delete()
    assert shared_token(secretsmanager).get() is None
    assert secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
