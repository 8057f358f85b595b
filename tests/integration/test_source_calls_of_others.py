"""A source of somebody else that has one address for all it does, with the answers and errors of its own: JSON-RPC."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from destination.composition import now
from destination.domain.connection import Status
from destination.queue import decode
from marketo_simulator import Simulator
from testing.control_plane import CREATE, audiences, call, connections, lists, sqs
from testing.source_calls import source_call
from testing.sources import installed

CODE = """
import json
from destination.domain.event import ProfileEvent
from destination.ingest.calls import *
from destination.ingest.reply import Reply
from destination.ingest.source import Source
from destination.ingest.sources.body import read_records

def _event(record, index, times, parsed, losses, halves):
    return ProfileEvent(times.of(index), {"email": record["email"]}, {}, (), times.of(index), None)

def _read(request, times):
    records = json.loads(request.body)["params"]["records"]
    return read_records(json.dumps(records).encode(), "records", times, _event)

def _rpc(asked):
    try:
        given = json.loads(asked.request.body)
        return given["method"], given.get("params") or {}, given.get("id")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CallError("invalid", "The body is no request of JSON-RPC.") from None

def _call(asked):
    method, params, _ = _rpc(asked)
    if method == "test_connection":
        return ShowConnection()
    if method == "ensure_audience":
        return CreateAudience(params["name"])
    if method == "sync_batch":
        return TakeEvents()
    if method == "get_sync_speed":
        return AnswerAtOnce(Reply({"maximum_batch_size": 1000}))
    raise CallError("not-found", "No such method.")

def _answer(asked, call, outcome):
    number = None if call is None else _rpc(asked)[2]
    if isinstance(outcome, NotDone):
        error = {"code": -32000, "message": outcome.detail, "data": {"kind": outcome.kind}}
        return Reply({"jsonrpc": "2.0", "id": number, "error": error}, 200)
    if isinstance(outcome, EventsRead):
        result = {"accepted": outcome.accepted}
    elif isinstance(outcome, AudienceShown):
        result = {"id": outcome.activation.audience.id}
    else:
        result = {"success": True}
    return Reply({"jsonrpc": "2.0", "id": number, "result": result})

SOURCE = Source("rpc", "One address for all", _read, calls=CallForm(_call, _answer))
"""


@pytest.fixture
def connection(tmp_path: Path, marketo: Simulator) -> Iterator[tuple[str, str]]:
    """The id and the ingest token of one whose source is that."""
    with installed(tmp_path, "rpc", CODE):
        created = call("POST", "/connections", {**CREATE, "source": {"format": "rpc", "calls": {}}})
        assert created.status == 201, created.text
        yield created.json["id"], created.json["ingest"]["token"]


def rpc(connection: tuple[str, str], method: str, token: str | None = None, **params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    headers = {"Authorization": f"Bearer {connection[1] if token is None else token}"}
    answer = source_call(connection[0], "POST", "rpc", body, headers)
    return answer.status, answer.json


def done(result: Any) -> tuple[int, Any]:
    return 200, {"jsonrpc": "2.0", "id": 7, "result": result}


def test_calls_and_events_come_to_one_address(connection: tuple[str, str], marketo: Simulator) -> None:
    assert rpc(connection, "test_connection") == done({"success": True})
    assert rpc(connection, "get_sync_speed") == (200, {"maximum_batch_size": 1000})
    status, answer = rpc(connection, "ensure_audience", name="Webinar")
    (activation,) = audiences().list(connection[0])
    assert (status, answer["result"]) == (200, {"id": activation.audience.id})
    assert list(lists(marketo).values()) == ["Webinar"]
    connections().set_status(connection[0], 1, Status.ENABLED, now())
    records = [{"email": "ada@example.org"}, {"email": "bob@example.org"}]
    assert rpc(connection, "sync_batch", records=records) == done({"accepted": 2})
    queue = sqs().get_queue_url(QueueName="events")["QueueUrl"]
    (message,) = sqs().receive_message(QueueUrl=queue)["Messages"]
    assert [event.profile["email"] for event in decode(message["Body"]).events] == [one["email"] for one in records]


def test_what_is_not_done_is_told_in_the_senders_form(connection: tuple[str, str], marketo: Simulator) -> None:
    for method, kind in (("sync_batch", "not-enabled"), ("ensure_audience", "invalid"), ("unknown", "not-found")):
        status, answer = rpc(connection, method, name=" ", records=[])
        assert (status, answer["error"]["data"]) == (200, {"kind": kind})
        assert answer["id"] == (None if kind == "not-found" else 7)
    assert not lists(marketo)


def test_whoever_has_no_token_is_told_as_all_are(connection: tuple[str, str]) -> None:
    status, answer = rpc(connection, "test_connection", token="another")
    assert (status, answer["type"]) == (401, "urn:marketo-destination:problem:unauthorized")
