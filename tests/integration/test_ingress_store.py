"""What the webhook reads of a connection, from its table."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.connection import MappingRow, OnDeletePerson, Status
from destination.store.connections import Connections
from destination.store.errors import StaleVersionError
from destination.store.ingress import Ingress, Ingresses
from destination.store.items import connection_key
from testing.aws import Aws, aws
from testing.world import connection

CONNECTION = connection(id="c-1", source_format="aep", status=Status.DRAFT)
SINCE = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def connections(stack: Aws) -> Connections:
    return Connections(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def ingresses(stack: Aws) -> Ingresses:
    return Ingresses(stack.dynamodb, "ConnectionsTable")


def test_an_unknown_connection_has_no_way_in(ingresses: Ingresses) -> None:
    assert ingresses.get("c-9") is None


def test_the_webhook_reads_only_what_it_checks(connections: Connections, ingresses: Ingresses) -> None:
    connections.create(CONNECTION, token_hash="0f")
    ingress = ingresses.get("c-1")
    assert ingress == Ingress("c-1", Status.DRAFT, "aep", "0f")
    assert "0f" not in repr(ingress)


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


def test_a_connection_of_before_there_were_other_ways_in_has_none(
    stack: Aws, connections: Connections, ingresses: Ingresses
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    stack.dynamodb.update_item(
        TableName="ConnectionsTable", Key=connection_key("c-1"), UpdateExpression="REMOVE admission, on_rejected"
    )
    assert ingresses.get("c-1") == Ingress("c-1", Status.DRAFT, "aep", "0f")
    assert connections.get("c-1") == CONNECTION


def test_where_calls_erase_the_webhook_knows_what_people_are_known_by(
    connections: Connections, ingresses: Ingresses
) -> None:
    mapping = (MappingRow("first_name", "firstName"), MappingRow("identityMap.user_id", "DedupeField"))
    erases = replace(CONNECTION, source_format="segment", on_delete_person=OnDeletePerson.ERASE, mapping=mapping)
    connections.create(erases, token_hash="0f")
    ingress = ingresses.get("c-1")
    assert ingress is not None
    assert (ingress.on_delete_person, ingress.known_by) == (OnDeletePerson.ERASE, "identityMap.user_id")
    assert connections.get("c-1").on_delete_person is OnDeletePerson.ERASE
