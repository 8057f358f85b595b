"""The activated audiences in their table: what is written is what is read, and who wins when two write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from testing.aws import Aws, aws
from testing.world import connection

CONNECTION = connection(id="c-1")
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
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def connections(stack: Aws) -> Connections:
    return Connections(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def audiences(stack: Aws) -> Audiences:
    return Audiences(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def delivering(stack: Aws) -> DeliveringConnections:
    return DeliveringConnections(stack.dynamodb, "ConnectionsTable")


def test_an_activation_reads_as_it_was_written(connections: Connections, audiences: Audiences) -> None:
    connections.create(CONNECTION, token_hash="0f")
    assert audiences.put("c-1", ACTIVATION) == STORED
    assert audiences.get("c-1", activation_id(AUDIENCE)) == STORED


def test_activating_again_replaces(connections: Connections, audiences: Audiences) -> None:
    connections.create(CONNECTION, token_hash="0f")
    first = audiences.put("c-1", ACTIVATION)
    bare = audiences.put("c-1", Activation(AUDIENCE, "Bare"), first)
    renamed = audiences.put("c-1", Activation(AUDIENCE, "Renamed"), bare)
    assert audiences.list("c-1") == (renamed,)
    assert renamed == Activation(AUDIENCE, "Renamed", version=3)


def test_a_list_that_was_made_in_the_workspace_of_before_is_not_given(
    connections: Connections, audiences: Audiences
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    connections.update(replace(CONNECTION, workspace="Europe"))
    with pytest.raises(StaleVersionError, match="another workspace"):
        audiences.put("c-1", ACTIVATION, workspace=CONNECTION.workspace)
    assert (audiences.list("c-1"), connections.bindings("c-1")) == ((), 0)
    assert audiences.put("c-1", ACTIVATION, workspace="Europe") == STORED
    assert connections.bindings("c-1") == 1


def test_a_change_is_refused_once_an_audience_was_given_a_list(connections: Connections, audiences: Audiences) -> None:
    connections.create(CONNECTION, token_hash="0f")
    first = audiences.put("c-1", Activation(AUDIENCE, "Bare"))
    connections.update(replace(CONNECTION, name="Before"), bindings=0)
    bound = audiences.put("c-1", ACTIVATION, first)
    audiences.put("c-1", replace(bound, name="Renamed"), bound)
    with pytest.raises(StaleVersionError):
        connections.update(replace(CONNECTION, version=2), bindings=0)
    assert connections.update(replace(CONNECTION, version=2), bindings=1).version == 3


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
    delivering.rebind("c-1", AUDIENCE, 1001, 2002, "Made again", may_hold_others=True, fill_at=None)
    assert audiences.get("c-1", activation_id(AUDIENCE)).version == before.version
    renamed = audiences.put("c-1", replace(before, name="Renamed"), before)
    assert (renamed.name, renamed.list_id, renamed.list_name, renamed.version) == ("Renamed", 2002, "Made again", 2)
    delivering.rebind("c-1", AUDIENCE, 1001, 3003, "Too late", may_hold_others=True, fill_at=None)
    assert audiences.get("c-1", activation_id(AUDIENCE)) == renamed


def test_audiences_of_a_connection_that_is_gone_or_going_are_not_changed(
    connections: Connections, audiences: Audiences
) -> None:
    with pytest.raises(NotFoundError, match="c-1"):
        audiences.put("c-1", ACTIVATION)
    connections.create(CONNECTION, token_hash="0f")
    activation = audiences.put("c-1", ACTIVATION)
    connections.begin_deletion("c-1", 1, SINCE)
    with pytest.raises(DeletingError, match="c-1"):
        audiences.put("c-1", replace(activation, name="Renamed"), activation)
    with pytest.raises(DeletingError, match="c-1"):
        audiences.deactivate("c-1", activation, SINCE)
    assert audiences.list("c-1") == (activation,)


@pytest.mark.parametrize("before", [Activation(AUDIENCE, "Bare"), ACTIVATION])
def test_a_change_does_not_bring_back_what_was_deactivated(
    connections: Connections, before: Activation, audiences: Audiences
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    with pytest.raises(StaleVersionError):
        audiences.put("c-1", before, before)
    assert audiences.list("c-1") == ()


def test_the_same_audience_id_in_two_namespaces_is_two_activations(
    connections: Connections, audiences: Audiences
) -> None:
    connections.create(CONNECTION, token_hash="0f")
    mine = audiences.put("c-1", ACTIVATION)
    other = audiences.put("c-1", replace(ACTIVATION, audience=AudienceKey("csv", "aud#1"), list_id=1002))
    audiences.deactivate("c-1", mine, SINCE)
    assert audiences.list("c-1") == (other,)
    with pytest.raises(NotFoundError, match=f"no audience is activated as {activation_id(AUDIENCE)}"):
        audiences.get("c-1", activation_id(AUDIENCE))
