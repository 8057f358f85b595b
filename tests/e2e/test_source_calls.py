"""What senders ask for besides, on the deployed stack: Census sets up a sync, Segment and Adobe make audiences."""

from collections.abc import Sequence
from typing import Any

import requests

from testing.senders import ENTERED, LEFT, Person, identifies, people, profiles
from tests.e2e.system import DELIVERY_SECONDS, HTTP_SECONDS, Destination, System, wait_for

FIELDS = ("firstName", "lastName")


def connected(system: System, source: dict[str, Any], by: str = "email") -> Destination:
    """A connection that is enabled before it has an audience, as its sender may make them."""
    rows = [{"source": by, "target": "DedupeField"}, *({"source": one, "target": one} for one in FIELDS)]
    made = system.create(system.instance(), source={"calls": {}, **source}, mapping=rows)
    system.call("POST", f"/connections/{made.id}/enable")
    return made


def ask(
    destination: Destination, method: str, path: str, content: object = None, token: str | None = None
) -> requests.Response:
    """A call below `…/source/`, with the connection's ingest token."""
    system = destination.system
    return system.http.request(
        method,
        f"{system.stack.api_url}/connections/{destination.id}/source/{path}",
        json=content,
        headers={"Authorization": f"Bearer {token or destination.token}"},
        timeout=HTTP_SECONDS,
    )


def await_members(destination: Destination, name: str, who: Sequence[Person]) -> None:
    expected = sorted(one["email"] for one in who)
    wait_for(lambda: destination.instance.members(name) == expected or None, DELIVERY_SECONDS, f"{expected} on {name}")


def rpc(destination: Destination, method: str, **params: object) -> Any:
    """The result of a call of Census'."""
    body = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
    assert ask(destination, "POST", "rpc", body, token="another").status_code == 401
    answer = ask(destination, "POST", "rpc", body)
    assert (answer.status_code, answer.json()["id"]) == (200, method), answer.text
    return answer.json()["result"]


def test_census_sets_a_mirror_up_and_sends_it_to_one_address(system: System) -> None:
    ada, bob = people(2)
    destination = connected(system, {"format": "census"})
    system.call("POST", f"/connections/{destination.id}/audiences", {"id": "aud-1", "name": "Webinar"})

    assert rpc(destination, "test_connection") == {"success": True}
    [webinar] = rpc(destination, "list_objects")["objects"]
    assert webinar == {"object_api_name": "audience:ups:aud-1", "label": "Webinar"}
    fields = {
        one["field_api_name"]: one["identifier"] for one in rpc(destination, "list_fields", object=webinar)["fields"]
    }
    assert fields == {"email": True, "firstName": False, "lastName": False}
    assert "mirror" in rpc(destination, "supported_operations", object=webinar)["operations"]
    speed = rpc(destination, "get_sync_speed")

    def sync(operation: str, who: Sequence[Person]) -> list[bool]:
        assert len(who) <= speed["maximum_batch_size"]
        schema = {name: {"active_identifier": is_identifier} for name, is_identifier in fields.items()}
        plan = {"object": webinar, "operation": operation, "schema": schema}
        records = [{name: one[name] for name in fields} for one in who]
        told = rpc(destination, "sync_batch", sync_plan=plan, records=records)["record_results"]
        assert [one["identifier"] for one in told] == [one["email"] for one in who]
        return [one["success"] for one in told]

    assert sync("upsert", [ada, bob]) == [True, True]
    await_members(destination, "Webinar", [ada, bob])
    assert sync("delete", [ada]) == [True]
    await_members(destination, "Webinar", [bob])


def test_segment_makes_an_audience_fills_it_and_has_somebody_forgotten(system: System) -> None:
    ada, bob = people(2)
    source = {"format": "segment", "on_delete_person": "erase"}
    destination = connected(system, source, by="identityMap.user_id")

    assert ask(destination, "POST", "audiences", {"audienceName": "webinar_q4"}, token="another").status_code == 401
    made, again = (ask(destination, "POST", "audiences", {"audienceName": "webinar_q4"}) for _ in range(2))
    assert (made.status_code, again.status_code) == (200, 200)
    assert made.json() == again.json()
    assert destination.instance.lists() == {"webinar_q4": []}
    assert ask(destination, "POST", "audiences", made.json()).json() == made.json()
    assert ask(destination, "POST", "audiences", {"externalId": "another"}).status_code == 404

    calls: Any = identifies([ada, bob], ENTERED, True)
    for one in calls:
        one["context"]["personas"] |= {"external_audience_id": made.json()["externalId"]}
    destination.post(calls)
    await_members(destination, "webinar_q4", [ada, bob])

    destination.post({"type": "delete", "messageId": "d-1", "userId": ada["email"]})
    await_members(destination, "webinar_q4", [bob])

    def erasures() -> list[Any] | None:
        found = system.call("GET", f"/audit?connection_id={destination.id}")["records"]
        return [one for one in found if one["action"] == "erase_person"] or None

    [record] = wait_for(erasures, DELIVERY_SECONDS, "the erasure is in the audit log")
    assert record["actor"] == f"sender:{destination.id}"
    assert ada["email"] not in str(record)


def test_adobes_card_reads_fields_and_makes_renames_and_deletes_its_audience(system: System) -> None:
    ada, bob = people(2)
    destination = connected(system, {"format": "adobe_sdk", "calls": {"on_delete": "empty"}}, by="identityMap.Email")
    fields = ask(destination, "GET", "fields")
    assert fields.json().keys() >= {"properties"}
    made = ask(destination, "POST", "audiences", {"id": "aud_1", "name": "Webinar"})
    alias = made.json()["id"]
    assert ask(destination, "POST", "audiences", {"id": "aud_1", "name": "Webinar"}).json() == {"id": alias}
    body: Any = profiles([ada, bob], ENTERED, True)
    destination.post(body)
    await_members(destination, "Webinar", [ada, bob])
    destination.post(profiles([ada], LEFT, False))
    await_members(destination, "Webinar", [bob])

    renamed = ask(destination, "PUT", f"audiences/{alias}", {"id": "aud_1", "name": "Fair"})
    assert (renamed.status_code, renamed.json()) == (200, {"id": alias})
    [shown] = system.call("GET", f"/connections/{destination.id}/audiences")["audiences"]
    assert shown["name"] == "Fair"
    assert ask(destination, "DELETE", f"audiences/{alias}").status_code == 204
    assert system.call("GET", f"/connections/{destination.id}/audiences")["audiences"] == []
    assert destination.instance.lists() == {"Webinar": []}
