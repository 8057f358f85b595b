"""The connections in moto's tables: what is written is what is read, and who wins when two write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from destination.domain.audience import Activation, AudienceKey
from destination.domain.audit import AuditAction, AuditRecord
from destination.domain.connection import (
    Admission,
    Connection,
    Limits,
    MappingRow,
    OnInvalid,
    OnRejected,
    OptIn,
    PersonAction,
    Scope,
    Status,
    SyncType,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.row_form import RowForm
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.cursors import InvalidCursorError
from destination.store.delivering import DeliveringConnections
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.ingress import Ingress, Ingresses
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
        MappingRow("optOut", "unsubscribed", opt_in=OptIn.KEEP),
    ),
    limits=Limits(calls_per_20s=50, concurrency=3, daily_calls=1000),
    scope=Scope.ALL_PROFILES,
    on_invalid=OnInvalid.FAIL,
    resend_unchanged_after=timedelta(hours=1),
    lead_cache=timedelta(0),
    admission=Admission("X-Api-Key", "token"),
    on_rejected=OnRejected.MULTI_STATUS,
    rows=RowForm("users", "email", time="$.at", realized=("in",)),
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


def test_an_update_raises_the_version_and_leaves_status_and_token(
    connections: Connections, delivering: DeliveringConnections, ingresses: Ingresses
) -> None:
    connections.create(ENABLED, token_hash="0f")
    delivering.block("c-1", "605: wrong method", SINCE)
    changed = connections.update(replace(ENABLED, name="Renamed", partition=None))
    assert (changed.version, changed.name, changed.partition) == (2, "Renamed", None)
    assert connections.get("c-1") == changed
    assert ingresses.get("c-1") == Ingress(
        "c-1",
        Status.BLOCKED,
        "aep",
        "0f",
        admission=CONNECTION.admission,
        on_rejected=OnRejected.MULTI_STATUS,
        rows=CONNECTION.rows,
    )


def test_of_two_changes_of_one_version_the_second_is_stale(connections: Connections) -> None:
    connections.create(CONNECTION, token_hash="0f")
    connections.update(replace(CONNECTION, name="First"))
    with pytest.raises(StaleVersionError, match="version 1"):
        connections.update(replace(CONNECTION, name="Second"))
    with pytest.raises(StaleVersionError, match="version 1"):
        connections.set_status("c-1", 1, Status.ENABLED, SINCE)
    assert connections.get("c-1").name == "First"


def test_setting_the_status_forgets_a_block(connections: Connections, delivering: DeliveringConnections) -> None:
    connections.create(ENABLED, token_hash="0f")
    delivering.block("c-1", "605: wrong method", SINCE)
    connections.set_status("c-1", 1, Status.DISABLED, SINCE)
    assert connections.get("c-1") == replace(ENABLED, status=Status.DISABLED, version=2, held_since=SINCE)


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


def test_a_connection_that_is_being_deleted_shows_since_when_and_what_blocks_it(
    connections: Connections, delivering: DeliveringConnections
) -> None:
    connections.create(ENABLED, token_hash="0f")
    delivering.block("c-1", "603: access denied", SINCE)
    going = connections.begin_deletion("c-1", 1, SINCE)
    retry_at = SINCE + timedelta(minutes=15)
    blocked = replace(ENABLED, blocked_cause="603: access denied", held_since=SINCE, retry_at=retry_at)
    assert going == replace(blocked, status=Status.DELETING, deleting_since=SINCE, version=2)
    assert connections.get("c-1") == going


def test_deleting_a_connection_takes_its_activations_along(
    connections: Connections, audiences: Audiences, ingresses: Ingresses
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    audiences.put("c-1", ACTIVATION)
    connections.remove("c-1")
    assert ingresses.get("c-1") is None
    assert audiences.list("c-1") == ()
    connections.remove("c-1")


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
        lambda: audiences.deactivate("c-1", replace(activation, version=9), SINCE, note("refused")),
    ):
        with pytest.raises(StaleVersionError):
            refused()
    audiences.deactivate("c-1", activation, SINCE, note("deactivated"))
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
