"""A resync on the deployed stack: the sender sends people again, and whoever it leaves out is taken off."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.system import DELIVERY_SECONDS, Destination, System, profile, wait_for

AUDIENCE = "Resynced"
PEOPLE = ("ada", "bob", "cam")
EARLIER = timedelta(minutes=30)


def test_whoever_is_not_sent_again_is_taken_off(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    destination.post([profile(f"{who}@resync.example", AUDIENCE) for who in PEOPLE])
    wait_for(lambda: len(members(destination)) == 3 or None, DELIVERY_SECONDS, "all arrived")

    path = f"/connections/{destination.id}/resyncs"
    resync_id = system.call("POST", path, {"label": "november"})["id"]
    destination.post([profile(f"{who}@resync.example", AUDIENCE) for who in ("ada", "cam", "dan")])
    wait_for(lambda: len(members(destination)) == 4 or None, DELIVERY_SECONDS, "they arrived again")
    system.call("POST", f"{path}/{resync_id}/close")
    held = reached(system, destination, resync_id, "held")
    assert (held["holds"], held["members"], held["named"], held["leaving"]) == (["FIRST"], 4, 3, 1)
    assert members(destination) == ["ada", "bob", "cam", "dan"]

    system.call("POST", f"{path}/{resync_id}/approve")
    assert reached(system, destination, resync_id, "completed")["left"] == 1
    assert members(destination) == ["ada", "cam", "dan"]


def let_time_pass(system: System, destination: Destination, resync_id: str) -> None:
    """As if one that is closed had been so for some minutes, and the queue drained since: nobody waits for that here.

    Unless the stack carried it on meanwhile.
    """
    table = system.stack.tables["runs"]
    key = {"connection_id": {"S": destination.id}, "id": {"S": f"resync#{resync_id}"}}
    dynamodb = system.aws("dynamodb")
    before = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["state"]
    state = json.loads(before["S"])
    if state["status"] != "draining":
        return
    earlier = f"{datetime.now(UTC) - EARLIER:%Y-%m-%dT%H:%M:%S.%fZ}"
    after = json.dumps(state | {"closed_at": earlier, "drained_since": earlier})
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #state = :after",
            ConditionExpression="#state = :before",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":before": before, ":after": {"S": after}},
        )


def members(destination: Destination) -> list[str]:
    return [email.partition("@")[0] for email in destination.instance.members(AUDIENCE)]


def reached(system: System, destination: Destination, resync_id: str, status: str) -> dict[str, Any]:
    """A resync once it has come to a status; time passes, and the function that carries it on is made to look now."""

    def looked() -> dict[str, Any] | None:
        let_time_pass(system, destination, resync_id)
        system.aws("lambda").invoke(FunctionName=system.stack.functions["files"], Payload=b"{}")
        shown: dict[str, Any] = system.call("GET", f"/connections/{destination.id}/resyncs/{resync_id}")
        return shown if shown["status"] == status else None

    return wait_for(looked, 2 * DELIVERY_SECONDS, f"the resync is {status}")
