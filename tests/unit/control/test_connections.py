"""Connections as operators manage them: what is stored, refused, and kept while others change it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from destination.control.connections import ManageConnections
from destination.control.errors import IncompleteError
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import Connection, MappingRow, Status
from destination.domain.credentials import ClientCredentials
from destination.domain.problem import ConfigurationError
from destination.store.connections import Connections
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.secrets import Credentials
from testing.aws import refused
from testing.use_cases import AUDIENCE, CREDENTIALS, DRAFT, NOW, Plane


def test_a_new_connection_is_a_draft_of_its_own_id_and_token(plane: Plane) -> None:
    made = plane.connections.create(replace(DRAFT, status=Status.ENABLED), CREDENTIALS)
    version = made.connection.credentials_version
    assert made.connection == replace(DRAFT, id="connection-1", version=1, credentials_version=version)
    assert made.token == "token-1"
    assert "token-1" not in repr(made)
    assert plane.connections.get("connection-1") == made.connection
    ingress = plane.ingresses.get("connection-1")
    assert ingress is not None
    assert ingress.token_hash == hashlib.sha256(b"token-1").hexdigest()


def test_a_refused_draft_leaves_no_credentials(plane: Plane) -> None:
    with pytest.raises(ConfigurationError, match="munchkin_id: must be a Munchkin ID"):
        plane.connections.create(replace(DRAFT, munchkin_id="x"), CREDENTIALS)
    assert plane.secrets.list_secrets()["SecretList"] == []


def test_of_two_changes_of_one_version_one_is_made_with_its_credentials(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    plane.connections.change(before, replace(before, name="First"), ClientCredentials("client", "first"))
    with pytest.raises(StaleVersionError):
        plane.connections.change(before, replace(before, name="Second"), ClientCredentials("client", "second"))
    assert plane.connections.get(before.id).name == "First"
    assert client_secret(plane, before.id) == "first"


def client_secret(plane: Plane, connection_id: str) -> str:
    return plane.connections.credentials.get(plane.connections.get(connection_id)).client_secret


class MeanwhileConnections(Connections):
    """Has something done just before a change is written, when its credentials are."""

    meanwhile: Callable[[], object]

    def update(
        self,
        connection: Connection,
        *beside: TransactWriteItemTypeDef,
        undelivered: bool = False,
        bindings: int | None = None,
    ) -> Connection:
        self.meanwhile()
        return super().update(connection, *beside, undelivered=undelivered, bindings=bindings)


def meanwhile(plane: Plane, act: Callable[[], object]) -> ManageConnections:
    connections = MeanwhileConnections(plane.dynamodb, "ConnectionsTable")
    connections.meanwhile = act
    return replace(plane.connections, connections=connections)


@pytest.mark.parametrize("others", [0, 1])
def test_a_workspace_is_not_changed_while_a_list_is_made_in_it(plane: Plane, others: int) -> None:
    """Audiences that were deactivated leave no list behind, and keep nobody from it."""
    before = plane.connections.get(plane.draft())
    for number in range(others):
        made, _ = plane.audiences.activate(before.id, Activation(AudienceKey("ups", f"other-{number}"), "Other"))
        plane.audiences.deactivate(before.id, made.id)
    wanted = Activation(AudienceKey("ups", "aud-1"), "Webinar")
    moved = replace(before, workspace="Europe")
    with pytest.raises(StaleVersionError):
        meanwhile(plane, lambda: plane.audiences.activate(before.id, wanted)).change(before, moved)
    assert plane.connections.get(before.id).workspace == "Default"
    [kept] = plane.audiences.list(before.id)
    plane.audiences.deactivate(before.id, kept.id)
    assert plane.connections.change(plane.connections.get(before.id), moved).workspace == "Europe"


@pytest.mark.parametrize("has_credentials", [True, False])
def test_of_two_changes_at_once_the_one_that_is_stored_has_its_credentials(
    plane: Plane, *, has_credentials: bool
) -> None:
    """The second writes its credentials between the first one's credentials and the first one's connection."""
    before = plane.connections.create(DRAFT, CREDENTIALS if has_credentials else None).connection
    lost: list[Exception] = []

    def second() -> None:
        # Its own write comes after that of the first: here it is beaten by it.
        slow = meanwhile(plane, lambda: plane.connections.connections.update(replace(first, name="First")))
        with pytest.raises(StaleVersionError) as refused:
            slow.change(before, replace(before, name="Second"), ClientCredentials("client", "second"))
        lost.append(refused.value)

    first = replace(
        before, credentials_version=plane.connections.credentials.put(before.id, ClientCredentials("client", "first"))
    )
    second()
    assert len(lost) == 1
    assert plane.connections.get(before.id).name == "First"
    assert client_secret(plane, before.id) == "first"


def test_a_change_that_comes_before_another_ones_write_wins_with_its_credentials(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())

    def overtaken() -> None:
        plane.connections.change(before, replace(before, name="Winner"), ClientCredentials("client", "winner"))

    with pytest.raises(StaleVersionError):
        meanwhile(plane, overtaken).change(before, replace(before, name="Loser"), ClientCredentials("client", "loser"))
    assert plane.connections.get(before.id).name == "Winner"
    assert client_secret(plane, before.id) == "winner"
    again = plane.connections.get(before.id)
    plane.connections.change(again, again, ClientCredentials("client", "later"))
    assert client_secret(plane, before.id) == "later"


def test_a_change_of_a_connection_that_is_removed_meanwhile_leaves_no_credentials(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    removed = meanwhile(plane, lambda: plane.connections.delete(before.id, discard=True))
    with pytest.raises(NotFoundError):
        removed.change(before, before, ClientCredentials("client", "late"))
    assert plane.secrets.list_secrets()["SecretList"] == []


def test_a_change_that_comes_after_the_removal_leaves_no_credentials(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())

    class Late(Credentials):
        def put(self, connection_id: str, credentials: ClientCredentials) -> str:
            plane.connections.delete(connection_id, discard=True)
            return super().put(connection_id, credentials)

    with pytest.raises(NotFoundError):
        replace(plane.connections, credentials=Late(plane.secrets, "dest")).change(before, before, CREDENTIALS)
    assert plane.secrets.list_secrets()["SecretList"] == []


def test_credentials_that_are_given_while_the_connection_is_removed_go_with_it(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    late: list[str] = []

    class RemovedLate(Connections):
        def remove(self, connection_id: str, *beside: TransactWriteItemTypeDef) -> None:
            late.append(plane.connections.credentials.put(connection_id, CREDENTIALS))
            super().remove(connection_id, *beside)

    removal = replace(plane.connections.removal, connections=RemovedLate(plane.dynamodb, "ConnectionsTable"))
    replace(plane.connections, removal=removal).delete(before.id, discard=True)
    assert late
    assert plane.secrets.list_secrets()["SecretList"] == []


def test_the_credentials_that_count_are_the_current_version_of_the_secret(plane: Plane) -> None:
    before = plane.connections.get(plane.draft())
    for number in range(3):
        given = ClientCredentials("client", f"secret-{number}")
        before = plane.connections.change(before, before, given)
        current = plane.secrets.get_secret_value(SecretId=f"dest/credentials/{before.id}", VersionStage="AWSCURRENT")
        assert (current["VersionId"], json.loads(current["SecretString"])["client_secret"]) == (
            before.credentials_version,
            f"secret-{number}",
        )


def test_a_change_is_made_even_if_its_credentials_are_not_marked_as_current(plane: Plane) -> None:
    """Whoever changes them next comes to it first."""
    before = plane.connections.get(plane.draft())
    with refused(plane.secrets, "UpdateSecretVersionStage"):
        changed = plane.connections.change(before, before, ClientCredentials("client", "second"))
    assert client_secret(plane, before.id) == "second"
    with pytest.raises(ClientError), refused(plane.dynamodb, "TransactWriteItems"):
        plane.connections.change(changed, changed, ClientCredentials("client", "third"))
    current = plane.secrets.get_secret_value(SecretId=f"dest/credentials/{before.id}", VersionStage="AWSCURRENT")
    assert current["VersionId"] == changed.credentials_version
    assert client_secret(plane, before.id) == "second"


def test_a_block_during_a_change_stays(plane: Plane) -> None:
    before = plane.connections.get(plane.enabled())
    plane.delivering.block(before.id, "603: access denied", NOW)
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
    activation = plane.audiences.get(connection_id, activation_id(AUDIENCE))
    plane.connections.credentials.delete(connection_id)
    plane.audiences.audiences.deactivate(connection_id, activation, NOW)
    plane.connections.delete(connection_id, discard=True)
    with pytest.raises(NotFoundError):
        plane.connections.get(connection_id)
