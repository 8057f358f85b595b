"""Whose a list is, in moto's tables: one audience's, from the write that gives it to the write that takes it away."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from destination.control.errors import AlreadyBoundError
from destination.domain.audience import DORMANT_FOR, Activation, AudienceKey, activation_id
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.errors import ListTakenError, NotFoundError, StaleVersionError
from testing.aws import Aws, aws
from testing.use_cases import Plane, use_cases
from testing.world import MUNCHKIN, connection

SINCE = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
MINE, OTHER = AudienceKey("ups", "aud-1"), AudienceKey("csv", "aud-1")
SPRING = Activation(MINE, "Spring", list_id=1001, list_name="Spring")
AUTUMN = Activation(OTHER, "Autumn", list_id=2002, list_name="Autumn")


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        connections = Connections(stack.dynamodb, "ConnectionsTable")
        for connection_id, munchkin_id in (("c-1", MUNCHKIN), ("c-2", MUNCHKIN), ("elsewhere", "999-ZZZ-999")):
            connections.create(connection(id=connection_id, munchkin_id=munchkin_id), token_hash="0f")
        yield stack


@pytest.fixture
def audiences(stack: Aws) -> Audiences:
    return Audiences(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def connections(stack: Aws) -> Connections:
    return Connections(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def delivering(stack: Aws) -> DeliveringConnections:
    return DeliveringConnections(stack.dynamodb, "ConnectionsTable")


def free(audiences: Audiences, *list_ids: int) -> list[bool]:
    """Whether another connection can have the lists."""
    return [_is_free(audiences, one) for one in list_ids]


def _is_free(audiences: Audiences, list_id: int) -> bool:
    try:
        made = audiences.put("c-2", Activation(AudienceKey("probe", "probe"), "Probe", list_id=list_id))
    except ListTakenError:
        return False
    audiences.deactivate("c-2", made, SINCE)
    return True


@pytest.mark.parametrize(("connection_id", "audience"), [("c-1", OTHER), ("c-2", MINE), ("c-2", OTHER)])
def test_a_list_is_that_of_one_audience_of_an_instance(
    audiences: Audiences, connection_id: str, audience: AudienceKey
) -> None:
    stored = audiences.put("c-1", SPRING)
    with pytest.raises(ListTakenError) as taken:
        audiences.put(connection_id, replace(SPRING, audience=audience))
    assert (taken.value.list_id, taken.value.connection_id, taken.value.audience) == (1001, "c-1", MINE)
    assert audiences.list("c-1") == (stored,)
    assert audiences.list("c-2") == ()


def test_lists_of_two_instances_are_two(audiences: Audiences) -> None:
    audiences.put("c-1", SPRING)
    assert audiences.put("elsewhere", SPRING).list_id == 1001


def test_who_gets_another_list_lets_go_of_the_first(audiences: Audiences) -> None:
    bare = audiences.put("c-1", Activation(MINE, "Spring"))
    bound = audiences.put("c-1", replace(bare, list_id=1001), bare)
    assert free(audiences, 1001, 3003) == [False, True]
    audiences.put("c-1", replace(bound, list_id=3003), bound)
    assert free(audiences, 1001, 3003) == [True, False]


def test_a_change_that_is_refused_leaves_both_lists_as_they_were(audiences: Audiences) -> None:
    spring, _ = audiences.put("c-1", SPRING), audiences.put("c-1", AUTUMN)
    with pytest.raises(ListTakenError):
        audiences.put("c-1", replace(spring, list_id=2002), spring)
    stale = replace(spring, version=7)
    with pytest.raises(StaleVersionError):
        audiences.put("c-1", replace(stale, list_id=3003), stale)
    assert audiences.get("c-1", activation_id(MINE)) == spring
    assert free(audiences, 1001, 2002, 3003) == [False, False, True]


def test_a_deactivated_audience_has_no_list_any_more(audiences: Audiences) -> None:
    audiences.deactivate("c-1", audiences.put("c-1", SPRING), SINCE)
    assert free(audiences, 1001) == [True]
    with pytest.raises(NotFoundError, match="no audience is activated"):
        audiences.get("c-1", activation_id(MINE))


def test_a_list_made_anew_takes_the_place_of_the_first(audiences: Audiences, delivering: DeliveringConnections) -> None:
    audiences.put("c-1", SPRING)
    assert delivering.rebind("c-1", MINE, 1001, 3003, "Spring", may_hold_others=True, fill_at=None)
    assert free(audiences, 1001, 3003) == [True, False]
    assert not delivering.rebind("c-1", MINE, 1001, 4004, "Too late", may_hold_others=True, fill_at=None)
    assert free(audiences, 3003, 4004) == [False, True]


def test_a_list_of_another_audience_takes_nobodys_place(
    audiences: Audiences, delivering: DeliveringConnections
) -> None:
    spring, _ = audiences.put("c-1", SPRING), audiences.put("c-2", AUTUMN)
    assert not delivering.rebind("c-1", MINE, 1001, 2002, "Autumn", may_hold_others=True, fill_at=None)
    assert audiences.get("c-1", activation_id(MINE)) == spring
    assert free(audiences, 1001, 2002) == [False, False]


def test_who_is_deactivated_lets_go_of_the_list_that_was_made_anew_meanwhile(
    audiences: Audiences, delivering: DeliveringConnections
) -> None:
    spring = audiences.put("c-1", SPRING)
    delivering.rebind("c-1", MINE, 1001, 3003, "Spring", may_hold_others=True, fill_at=None)
    audiences.deactivate("c-1", spring, SINCE)
    assert audiences.list("c-1") == ()
    assert free(audiences, 1001, 3003) == [True, True]


def test_a_connection_that_is_removed_leaves_neither_claims_nor_dormant_audiences(
    stack: Aws, audiences: Audiences, connections: Connections
) -> None:
    spring, _ = audiences.put("c-1", SPRING), audiences.put("c-1", AUTUMN)
    audiences.put("c-1", Activation(AudienceKey("ups", "bare"), "Bare"))
    audiences.deactivate("c-1", spring, SINCE)
    connections.remove("c-1")
    left = stack.dynamodb.scan(TableName="ConnectionsTable")["Items"]
    assert {one["sk"]["S"] for one in left} == {"connection"}
    assert free(audiences, 1001, 2002) == [True, True]


def test_a_dormant_audience_is_remembered_for_ninety_days(
    stack: Aws, audiences: Audiences, connections: Connections
) -> None:
    spring, autumn = audiences.put("c-1", SPRING), audiences.put("c-1", AUTUMN)
    audiences.deactivate("c-1", spring, SINCE)
    active = connections.active("c-1")
    assert dict(active.activations) == {OTHER: autumn}
    assert (set(active.dormant), set(active.known)) == ({MINE}, {MINE, OTHER})
    assert audiences.list("c-1") == (autumn,)
    items = stack.dynamodb.scan(TableName="ConnectionsTable")["Items"]
    ends = [one["expires_at"] for one in items if "deactivated_at" in one]
    assert ends == [{"N": str(int((SINCE + DORMANT_FOR).timestamp()))}]


def test_an_audience_that_is_activated_again_is_dormant_no_more(
    stack: Aws, audiences: Audiences, connections: Connections
) -> None:
    first = audiences.put("c-1", replace(SPRING, origin="Segmentation Service", labels=("C1",)))
    audiences.deactivate("c-1", first, SINCE)
    again = audiences.put("c-1", Activation(MINE, "Anew"))
    assert again == Activation(MINE, "Anew", version=3)
    active = connections.active("c-1")
    assert (active.dormant, active.activations) == ({}, {MINE: again})
    for one in stack.dynamodb.scan(TableName="ConnectionsTable")["Items"]:
        assert not {"expires_at", "deactivated_at"} & one.keys()


def test_an_audience_begins_anew_where_nothing_is_remembered_of_it(
    stack: Aws, audiences: Audiences, connections: Connections
) -> None:
    later, latest = SINCE + DORMANT_FOR, SINCE + 2 * DORMANT_FOR
    first = audiences.put("c-1", replace(SPRING, begun_at=SINCE))
    changed = audiences.put("c-1", replace(first, name="Anew", begun_at=later), first)
    assert changed.begun_at == SINCE
    audiences.deactivate("c-1", changed, SINCE)
    assert connections.active("c-1").known == connections.active("c-1").dormant == {MINE: SINCE}
    again = audiences.put("c-1", replace(SPRING, begun_at=later))
    assert again.begun_at == SINCE
    audiences.deactivate("c-1", again, later)
    stack.dynamodb.delete_item(  # What DynamoDB does once its time to live is over.
        TableName="ConnectionsTable", Key={"pk": {"S": "c-1"}, "sk": {"S": f"activation#{activation_id(MINE)}"}}
    )
    assert audiences.put("c-1", replace(SPRING, begun_at=latest)).begun_at == latest
    assert connections.active("c-1").known == {MINE: latest}


def test_of_two_who_switch_a_dormant_audience_on_the_first_does(audiences: Audiences) -> None:
    audiences.deactivate("c-1", audiences.put("c-1", SPRING), SINCE)
    first = audiences.put("c-1", SPRING)
    with pytest.raises(StaleVersionError):
        audiences.put("c-1", replace(SPRING, name="Second"))
    with pytest.raises(StaleVersionError):
        audiences.deactivate("c-1", replace(first, version=1), SINCE)
    assert audiences.list("c-1") == (first,)


@pytest.mark.parametrize("rivals", range(2, 7))
@pytest.mark.parametrize("of_one_connection", [True, False])
def test_of_many_activations_with_one_list_name_at_once_one_gets_it(rivals: int, *, of_one_connection: bool) -> None:
    with use_cases() as plane:
        only = plane.draft()
        owners = [only if of_one_connection else plane.draft() for _ in range(rivals)]
        wanted = [
            (owner, Activation(AudienceKey("ups", f"aud-{number}"), "Webinar")) for number, owner in enumerate(owners)
        ]
        (winner,), refusals = raced(plane, wanted)
        assert len(refusals) == rivals - 1
        assert all(f"is that of audience {winner.audience.id}" in one for one in refusals)
        assert [one for owner in set(owners) for one in plane.audiences.list(owner)] == [winner]
        lists: list[dict[str, object]] = plane.marketo.dump()["lists"]
        assert [one["id"] for one in lists] == [winner.list_id]


def raced(plane: Plane, wanted: list[tuple[str, Activation]]) -> tuple[list[Activation], list[str]]:
    """Let each activation begin when the one before it is about to write; what was activated, and the refusals."""
    client = boto3.client("dynamodb")
    audiences = Audiences(client, "ConnectionsTable")
    managing = replace(plane.audiences, audiences=audiences, lists=replace(plane.audiences.lists, audiences=audiences))
    won, refusals = [], []

    def begin(**_: object) -> None:
        if wanted:
            owner, activation = wanted.pop()
            try:
                won.append(managing.activate(owner, activation)[0])
            except AlreadyBoundError as error:
                refusals.append(str(error))

    before_each_write(client, begin)
    begin()
    return won, refusals


def before_each_write(client: DynamoDBClient, act: Callable[..., None]) -> None:
    client.meta.events.register_first("before-call.dynamodb.TransactWriteItems", act)
