"""Connections as operators manage them: what is stored, refused, and kept while others change it."""

import hashlib
from dataclasses import replace

import boto3
import pytest
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from destination.control.errors import IncompleteError
from destination.domain.connection import Connection, MappingRow, Status
from destination.domain.credentials import ClientCredentials
from destination.domain.problem import ConfigurationError
from destination.store.connections import Connections
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.secrets import Credentials
from testing.use_cases import AUDIENCE, CREDENTIALS, DRAFT, NOW, Plane


def test_a_new_connection_is_a_draft_of_its_own_id_and_token(plane: Plane) -> None:
    made = plane.connections.create(replace(DRAFT, status=Status.ENABLED), CREDENTIALS)
    assert made.connection == replace(DRAFT, id="connection-1", version=1)
    assert made.token == "token-1"
    assert "token-1" not in repr(made)
    assert plane.connections.get("connection-1") == made.connection
    ingress = plane.ingresses.get("connection-1")
    assert ingress is not None
    assert ingress.token_hash == hashlib.sha256(b"token-1").hexdigest()


def test_a_refused_draft_leaves_no_credentials(plane: Plane) -> None:
    with pytest.raises(ConfigurationError, match="munchkin_id: must be a Munchkin ID"):
        plane.connections.create(replace(DRAFT, munchkin_id="x"), CREDENTIALS)
    with pytest.raises(NotFoundError):
        plane.connections.credentials.get("connection-1")


def test_of_two_changes_of_one_version_one_is_made_with_its_credentials(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    plane.connections.change(before, replace(before, name="First"), ClientCredentials("client", "first"))
    with pytest.raises(StaleVersionError):
        plane.connections.change(before, replace(before, name="Second"), ClientCredentials("client", "second"))
    assert plane.connections.get(before.id).name == "First"
    assert plane.connections.credentials.get(before.id).client_secret == "first"


class WatchedConnections(Connections):
    """Notes which client secret is found when a version comes to be seen."""

    found: list[str]
    credentials: Credentials

    def update(
        self, connection: Connection, *beside: TransactWriteItemTypeDef, undelivered: bool = False
    ) -> Connection:
        self.found = [self.credentials.get(connection.id).client_secret]
        return super().update(connection, *beside, undelivered=undelivered)


def test_whoever_sees_the_new_version_finds_the_new_credentials(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    watched = WatchedConnections(boto3.client("dynamodb"), "ConnectionsTable")
    watched.credentials = plane.connections.credentials
    management = replace(plane.connections, connections=watched)
    management.change(before, before, ClientCredentials("client", "new"))
    assert watched.found == ["new"]


def test_a_block_during_a_change_stays(plane: Plane) -> None:
    before = plane.connections.get(plane.enabled())
    plane.delivering.block(before.id, "603: access denied")
    plane.connections.change(before, replace(before, name="Renamed"))
    after = plane.connections.get(before.id)
    assert (after.name, after.status, after.blocked_cause) == ("Renamed", Status.BLOCKED, "603: access denied")


def test_a_change_that_leaves_an_enabled_connection_incomplete_is_refused(plane: Plane) -> None:
    before = plane.connections.get(plane.enabled())
    with pytest.raises(IncompleteError, match="mapping"):
        plane.connections.change(before, replace(before, mapping=()))
    disabled = plane.connections.disable(before.id)
    assert plane.connections.change(disabled, replace(disabled, mapping=())).mapping == ()
    with pytest.raises(IncompleteError, match="mapping"):
        plane.connections.enable(before.id)


def test_a_delivery_that_begins_during_a_change_of_keys_keeps_them(plane: Plane) -> None:
    before = plane.connections.get(plane.enabled())
    rekeyed = replace(before, mapping=(MappingRow("workEmail", "DedupeField"),))
    assert plane.delivering.begin_delivery(before.id, before.version, NOW)
    with pytest.raises(StaleVersionError):
        plane.connections.change(before, rekeyed)
    assert plane.connections.get(before.id) == replace(before, delivered_at=NOW)
    changed = plane.connections.change(before, rekeyed, same_people=True)
    assert (changed.mapping, changed.delivered_at) == (rekeyed.mapping, NOW)
    assert not plane.delivering.begin_delivery(before.id, before.version, NOW)


def test_deleting_can_be_repeated_after_it_broke_off(plane: Plane) -> None:
    connection_id = plane.enabled()
    activation = plane.audiences.get(connection_id, AUDIENCE)
    plane.connections.credentials.delete(connection_id)
    plane.audiences.audiences.deactivate(connection_id, activation, NOW)
    plane.connections.delete(connection_id, discard=True)
    with pytest.raises(NotFoundError):
        plane.connections.get(connection_id)
