"""A whole set-up of a sync at Census: all that it posts to the connection's one address, through the handlers."""

import json
from typing import Any

import pytest

from destination.domain.event import MembershipStatus
from destination.queue import decode
from marketo_simulator import Simulator
from testing.control_plane import CREATE, ApiAnswer, activated, call, sqs
from testing.source_calls import source_call

WEBINAR = {"object_api_name": "audience:ups:aud-1"}
MAPPING = [
    {"source": "email", "target": "DedupeField"},
    {"source": "person.name.firstName", "target": "firstName"},
    {"source": "person.name.lastName", "target": "lastName"},
]
ALLOWED = {"format": "census", "calls": {}}

pytestmark = pytest.mark.usefixtures("marketo")


class Census:
    """Census, with a connection's URL and ingest token in its form."""

    def __init__(self, source: object = ALLOWED) -> None:
        made = call("POST", "/connections", {**CREATE, "source": source, "mapping": MAPPING})
        assert made.status == 201, made.text
        self.id: str = made.json["id"]
        self.token: str = made.json["ingest"]["token"]

    def post(self, body: object, *, method: str = "POST", path: str = "rpc", token: str | None = None) -> ApiAnswer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return source_call(self.id, method, path, raw, headers)

    def ask(self, method: str, **params: object) -> Any:
        """The whole response, which always comes with 200."""
        answer = self.post({"jsonrpc": "2.0", "id": f"{method}-1", "method": method, "params": params})
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), answer.text
        assert (answer.json["jsonrpc"], answer.json["id"]) == ("2.0", f"{method}-1")
        return answer.json

    def sync(self, operation: str, *records: object) -> list[tuple[object, bool]]:
        """Of each record that is told of, its identifier and whether it is a success."""
        schema = {"email": {"active_identifier": True}, "person.name.firstName": {"active_identifier": False}}
        plan = {"object": WEBINAR, "operation": operation, "schema": schema}
        told = self.ask("sync_batch", sync_plan=plan, records=records)["result"]["record_results"]
        return [(one["identifier"], one["success"]) for one in told]


@pytest.fixture
def census(marketo: Simulator) -> Census:
    """One whose connection is enabled, and has an audience."""
    sender = Census()
    assert activated(sender.id).status == 201
    assert call("POST", f"/connections/{sender.id}/enable").status == 200
    return sender


def queued() -> list[tuple[dict[str, Any], list[MembershipStatus]]]:
    """What became of the records, taken from the queue."""
    queue = sqs().get_queue_url(QueueName="events")["QueueUrl"]
    messages = sqs().receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for one in messages:
        sqs().delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    events = [event for one in messages for event in decode(one["Body"]).events]
    return [(dict(event.profile), [one.status for one in event.memberships]) for event in events]


def test_a_sync_is_set_up_and_sent_at_one_address(census: Census) -> None:
    assert census.ask("test_connection")["result"] == {"success": True}
    assert census.ask("list_objects")["result"] == {"objects": [{**WEBINAR, "label": "Webinar, spring"}]}
    fields = census.ask("list_fields", object=WEBINAR)["result"]["fields"]
    assert {one["field_api_name"]: one["identifier"] for one in fields} == {
        "email": True,
        "person.name.firstName": False,
        "person.name.lastName": False,
    }
    assert census.ask("supported_operations", object=WEBINAR)["result"] == {"operations": ["mirror", "upsert"]}
    assert census.ask("get_sync_speed")["result"]["maximum_batch_size"] == 1000
    assert queued() == []
    ada, nobody = {"email": "ada@example.org", "person.name.firstName": "Ada"}, {"email": "\ud83d"}
    assert census.sync("upsert", ada, nobody) == [("ada@example.org", True), ("\ud83d", False)]
    person = {"email": "ada@example.org", "person": {"name": {"firstName": "Ada"}}}
    assert queued() == [(person, [MembershipStatus.REALIZED])]
    assert census.sync("delete", {"email": "ada@example.org"}) == [("ada@example.org", True)]
    assert queued() == [({"email": "ada@example.org"}, [MembershipStatus.EXITED])]


def test_a_batch_with_no_good_record_is_told_by_record_and_stores_nothing(census: Census) -> None:
    assert census.sync("upsert", {"email": "\ud83d"}) == [("\ud83d", False)]
    assert queued() == []


def test_a_draft_can_be_asked_for_objects_and_is_no_connection_yet() -> None:
    census = Census()
    assert activated(census.id).status == 201
    assert [one["label"] for one in census.ask("list_objects")["result"]["objects"]] == ["Webinar, spring"]
    for told in (census.ask("test_connection"), census.post(batch()).json):
        assert told["error"]["code"] == -32000
        assert "enable it" in told["error"]["message"]
    assert queued() == []


def batch() -> dict[str, Any]:
    schema = {"email": {"active_identifier": True}}
    plan = {"object": WEBINAR, "operation": "upsert", "schema": schema}
    records = [{"email": "ada@example.org"}]
    return {"jsonrpc": "2.0", "id": 7, "method": "sync_batch", "params": {"sync_plan": plan, "records": records}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"\xff", 400, -32700),
        ({"method": "list_objects"}, 200, -32600),
        ([], 200, -32600),
        ({"jsonrpc": "2.0", "method": "drop_everything"}, 200, -32601),
        ({"jsonrpc": "2.0", "method": "list_fields", "params": {"object": {"object_api_name": "x"}}}, 200, -32602),
    ],
)
def test_what_is_no_call_is_told_by_the_codes_of_json_rpc(body: object, status: int, code: int) -> None:
    answer = Census().post(body)
    assert (answer.status, answer.json["id"], answer.json["error"]["code"]) == (status, None, code)


def test_another_path_or_method_of_http_is_none() -> None:
    census = Census()
    for method, path, status in (("GET", "rpc", 405), ("POST", "audiences", 404), ("POST", "rpc/more", 404)):
        answer = census.post(batch(), method=method, path=path)
        assert (answer.status, answer.json["error"]["code"]) == (status, -32000)


def test_nothing_is_told_unless_the_connection_takes_calls_or_to_whoever_has_no_token() -> None:
    closed = Census({"format": "census"})
    assert activated(closed.id).status == 201
    refused = closed.post({"jsonrpc": "2.0", "id": 1, "method": "list_objects"})
    assert (refused.status, refused.json["type"]) == (403, "urn:marketo-destination:problem:not-allowed")
    other = Census({**ALLOWED, "admission": {}})
    assert other.post(batch(), token=closed.token).status == 401
