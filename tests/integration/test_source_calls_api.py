"""What senders ask of their connection with its ingest token: audiences with their lists, fields, checks of bodies."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destination.composition import now
from destination.domain.connection import Status
from destination.domain.sender_credentials import SenderCredentials, SenderToken, SenderTokens, hash_of
from destination.store.sender_credentials import SendersCredentials
from marketo_simulator import Simulator
from testing.control_plane import (
    CREATE,
    ApiAnswer,
    audiences,
    call,
    connections,
    dynamodb,
    items,
    lists,
    sqs,
    stored,
)
from testing.source_calls import source_call

pytestmark = pytest.mark.usefixtures("marketo")

ALLOWED: Mapping[str, Any] = {"format": "canonical", "calls": {}}


class Sender:
    """A connection as its sender has it: its id and its ingest token."""

    def __init__(self, source: Mapping[str, Any] = ALLOWED, **configured: object) -> None:
        created = call("POST", "/connections", {**CREATE, "source": source, **configured})
        assert created.status == 201, created.text
        self.id: str = created.json["id"]
        self.token: str = created.json["ingest"]["token"]

    def __call__(self, method: str, path: str, body: object = None, *, token: str | None = None) -> ApiAnswer:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return source_call(self.id, method, path, raw, headers)

    def made(self, name: str = "Webinar", **more: str) -> str:
        answer = self("POST", "audiences", {"name": name, **more})
        assert answer.status == 201, answer.text
        activation_id: str = answer.json["activation_id"]
        return activation_id


def refused(answer: ApiAnswer, status: int, kind: str) -> Any:
    assert answer.status == answer.json["status"] == status, answer.text
    assert answer.json["type"] == f"urn:marketo-destination:problem:{kind}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json


def test_a_sender_makes_an_audience_with_its_list(marketo: Simulator) -> None:
    sender = Sender()
    answer = sender("POST", "audiences", {"name": " Webinar ", "id": "aud-7", "namespace": "CRM"})
    assert answer.status == 201
    ((list_id, list_name),) = lists(marketo).items()
    assert answer.json == {
        "activation_id": answer.json["activation_id"],
        "id": "aud-7",
        "namespace": "crm",
        "name": "Webinar",
        "list": {"id": list_id, "name": list_name},
    }
    (activation,) = audiences().list(sender.id)
    assert (activation.audience, activation.list_id) == (("crm", "aud-7"), list_id)
    assert sender("GET", f"audiences/{activation.id}").json == answer.json
    assert sender("GET", "audiences").json == {"audiences": [answer.json]}


def test_asked_again_it_is_the_same_audience_whether_or_not_the_source_has_ids(marketo: Simulator) -> None:
    sender = Sender()
    for body in ({"name": "Webinar"}, {"name": "Fair", "id": "aud-1"}):
        first, again = (sender("POST", "audiences", body) for _ in range(2))
        assert (first.status, again.status) == (201, 200)
        assert first.json == again.json
    assert sorted(lists(marketo).values()) == ["Fair", "Webinar"]
    assert sender("POST", "audiences", {"name": "Other", "id": "aud-1"}).json["name"] == "Fair"


def test_a_renamed_audience_keeps_its_list_or_renames_it_as_the_connection_says(marketo: Simulator) -> None:
    for propagate, expected in ((False, "Webinar"), (True, "Fair 1")):
        sender = Sender(name=f"Renames {propagate}", propagate_renames=propagate, workspace="Default")
        made = sender.made("Webinar" if not propagate else "Webinar 1", id="aud-1")
        renamed = sender("PATCH", f"audiences/{made}", {"name": "Fair 1"})
        assert (renamed.status, renamed.json["name"]) == (200, "Fair 1")
        assert renamed.json["list"]["name"] == expected
        assert expected in lists(marketo).values()


@pytest.mark.parametrize(("on_delete", "stays"), [("keep", True), ("deactivate", False), ("empty", False)])
def test_what_a_deletion_does_is_the_connections_to_say(marketo: Simulator, on_delete: str, stays: bool) -> None:
    sender = Sender({**ALLOWED, "calls": {"on_delete": on_delete}})
    made = sender.made()
    deleted = sender("DELETE", f"audiences/{made}")
    assert (deleted.status, deleted.text) == (204, "")
    assert bool(audiences().list(sender.id)) == stays
    assert list(lists(marketo).values()) == ["Webinar"]
    assert sender("DELETE", f"audiences/{made}").status == (204 if stays else 404)


def test_what_an_operator_activated_a_sender_sees_and_does_not_change() -> None:
    sender = Sender()
    activated = call("POST", f"/connections/{sender.id}/audiences", {"id": "aud-1", "name": "Customers"})
    path = f"audiences/{activated.json['activation_id']}"
    assert sender("GET", path).json["name"] == "Customers"
    refused(sender("PATCH", path, {"name": "Mine"}), 403, "not-allowed")
    refused(sender("DELETE", path), 403, "not-allowed")
    asked = sender("POST", "audiences", {"id": "aud-1", "name": "Mine"})
    assert (asked.status, asked.json["name"]) == (200, "Customers")
    (kept, *_) = (one for one in audiences().list(sender.id) if one.name == "Customers")
    assert not kept.made_by_sender


def test_what_a_sender_made_stays_its_own_when_an_operator_changes_it() -> None:
    sender = Sender()
    made = sender.made(id="aud-1")
    path = f"/connections/{sender.id}/audiences/{made}"
    assert call("PATCH", path, {"origin": "The web shop"}).status == 200
    again = {"id": "aud-1", "name": "Webinar", "origin": "The shops"}
    assert call("POST", f"/connections/{sender.id}/audiences", again).status == 200
    assert sender("PATCH", f"audiences/{made}", {"name": "Fair"}).status == 200


def test_a_stolen_token_makes_a_bounded_number_of_audiences_and_lists(marketo: Simulator) -> None:
    sender = Sender({**ALLOWED, "calls": {"max_audiences": 3}})
    for number in range(3):
        sender("DELETE", f"audiences/{sender.made(f'Webinar {number}', id=f'aud-{number}')}")
    problem = refused(sender("POST", "audiences", {"name": "One more"}), 422, "invalid")
    assert [one["path"] for one in problem["errors"]] == ["name"]
    assert len(lists(marketo)) == 3
    assert sender("POST", "audiences", {"name": "Webinar 1", "id": "aud-1"}).status == 201  # it comes back


def test_every_change_is_in_the_audit_log_as_the_senders() -> None:
    sender = Sender()
    made = sender.made(id="aud-1")
    sender("PATCH", f"audiences/{made}", {"name": "Fair"})
    sender("DELETE", f"audiences/{made}")
    records = call("GET", "/audit", query={"connection_id": sender.id}).json["records"]
    done = [(one["actor"], one["action"]) for one in records[:3]]
    assert done == [
        (f"sender:{sender.id}", "deactivate_audience"),
        (f"sender:{sender.id}", "change_audience"),
        (f"sender:{sender.id}", "activate_audience"),
    ]


def test_fields_are_those_that_a_value_can_be_sent_to() -> None:
    fields = {one["name"]: one for one in Sender()("GET", "fields").json["fields"]}
    assert fields["email"]["type"] == "email"
    assert {"firstName", "lastName"} < fields.keys()
    assert "id" not in fields


def test_a_body_is_checked_and_nothing_of_it_is_taken() -> None:
    sender = Sender()
    checked = sender("POST", "checks", [{"id": "1"}, {"audiences": [{"id": "a", "status": "paused"}]}, {"profil": 1}])
    assert checked.status == 200
    assert checked.json["accepted"] == 1
    assert [one["index"] for one in checked.json["rejected"]] == [1, 2]
    assert not sqs().receive_message(QueueUrl=_queue()).get("Messages")
    refused(sender("POST", "checks", b"{"), 400, "not-json")


def _queue() -> str:
    return sqs().get_queue_url(QueueName="events")["QueueUrl"]


def test_the_state_of_the_connection_is_told() -> None:
    sender = Sender()
    assert sender("GET", "status").json == {"name": CREATE["name"], "status": "draft"}


def test_without_the_switch_nothing_is_to_be_had_and_it_is_off_by_default(marketo: Simulator) -> None:
    sender = Sender({"format": "canonical"})
    assert stored(sender.id).source_calls is None
    for method, path in (("GET", "status"), ("POST", "audiences"), ("GET", "nowhere")):
        refused(sender(method, path, {"name": "Webinar"}), 403, "not-allowed")
    assert not lists(marketo)
    assert call("PATCH", f"/connections/{sender.id}", {"source": {"calls": {}}}).status == 200
    assert sender("GET", "status").status == 200
    assert call("PATCH", f"/connections/{sender.id}", {"source": {"calls": None}}).status == 200
    refused(sender("GET", "status"), 403, "not-allowed")


@pytest.mark.parametrize("token", ["", "another", "é"])
def test_whoever_has_no_token_learns_nothing_and_does_nothing(marketo: Simulator, token: str) -> None:
    sender = Sender()
    for method, path in (("POST", "audiences"), ("GET", "audiences"), ("GET", "nowhere")):
        refused(sender(method, path, {"name": "Webinar"}, token=token), 401, "unauthorized")
    refused(source_call("c-9", "GET", "status"), 404, "not-found")
    assert not lists(marketo)


def test_a_token_reaches_its_own_connection_alone(marketo: Simulator) -> None:
    one, other = Sender(), Sender(name="Another")
    made = other.made()
    refused(one("GET", "status", token=other.token), 401, "unauthorized")
    refused(one("GET", f"audiences/{made}"), 404, "not-found")


def test_a_sender_token_opens_the_calls_too() -> None:
    sender = Sender()
    kept = SendersCredentials(dynamodb(), "ConnectionsTable")
    from_oauth = call("POST", f"/connections/{sender.id}/sender-credentials")
    assert from_oauth.status == 201
    before = kept.get(sender.id)
    assert isinstance(before.credentials, SenderCredentials)
    assert before.tokens is not None
    given = SenderToken(hash_of("given"), now().replace(year=2099))
    kept.replace(sender.id, before, before.credentials, SenderTokens(before.tokens.of, (given,)))
    assert sender("GET", "status", token="given").status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "nowhere", None, 404, "not-found"),
        ("GET", "audiences/a/b", None, 404, "not-found"),
        ("GET", "audiences/123456789abc", None, 404, "not-found"),
        ("GET", "audiences/" + "x" * 3000, None, 404, "not-found"),
        ("PATCH", "audiences/..%2F..", {"name": "x"}, 404, "not-found"),
        ("PUT", "audiences", None, 405, "method-not-allowed"),
        ("DELETE", "fields", None, 405, "method-not-allowed"),
        ("POST", "audiences", b"[1", 400, "not-json"),
        ("POST", "audiences", b"\xff", 400, "not-json"),
        ("POST", "audiences", b"[" * 90_000, 400, "not-json"),
        ("POST", "audiences", b"[]", 422, "invalid"),
        ("POST", "audiences", b'{"name": "' + b"x" * 100_000 + b'"}', 422, "invalid"),
        ("POST", "audiences", {}, 422, "invalid"),
        ("POST", "audiences", {"name": 7}, 422, "invalid"),
        ("POST", "audiences", {"name": "x", "labels": []}, 422, "invalid"),
        ("POST", "audiences", {"name": " "}, 422, "invalid"),
        ("POST", "audiences", {"name": "a\u202eb"}, 422, "invalid"),
        ("POST", "audiences", {"name": "x", "id": " a"}, 422, "invalid"),
        ("POST", "audiences", {"name": "x", "id": "y" * 257}, 422, "invalid"),
        ("POST", "audiences", {"name": "x", "id": "a", "namespace": "a b"}, 422, "invalid"),
        ("POST", "audiences", b'{"name": "\\ud800"}', 422, "invalid"),
    ],
)
def test_what_is_no_call_is_refused(
    marketo: Simulator, method: str, path: str, body: object, status: int, kind: str
) -> None:
    sender = Sender()
    refused(sender(method, path, body), status, kind)
    assert not lists(marketo)
    assert not audiences().list(sender.id)


def test_refusals_of_marketo_and_of_rules_are_the_control_planes() -> None:
    sender = Sender(credentials=None)
    refused(sender("POST", "audiences", {"name": "Webinar"}), 409, "incomplete")
    refused(sender("GET", "fields"), 409, "incomplete")


def test_a_connection_that_is_being_deleted_takes_no_calls() -> None:
    sender = Sender()
    connections().set_status(sender.id, stored(sender.id).version, Status.ENABLED, now())
    assert call("DELETE", f"/connections/{sender.id}").status == 202
    refused(sender("POST", "audiences", {"name": "Webinar"}), 409, "deleting")


def test_the_control_plane_is_not_to_be_had_by_these_paths() -> None:
    sender = Sender()
    for path in ("../../connections", "../mapping", "..%2Fmapping", "//connections"):
        refused(sender("GET", path), 404, "not-found")


def test_no_call_of_a_sender_is_one_of_the_control_plane() -> None:
    sender = Sender()
    assert call("GET", f"/connections/{sender.id}/source/status").status == 404


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({"format": "aep", "calls": {}}, "source.calls"),
        ({**ALLOWED, "calls": {"max_audiences": 0}}, "source.calls.max_audiences"),
        ({**ALLOWED, "calls": {"max_audiences": 1001}}, "source.calls.max_audiences"),
        ({**ALLOWED, "calls": {"on_delete": "burn"}}, "source.calls.on_delete"),
    ],
)
def test_the_switch_has_rules(source: Mapping[str, Any], path: str) -> None:
    answer = call("POST", "/connections", {**CREATE, "source": source})
    assert answer.status == 422
    assert path in answer.errors


texts = st.text(max_size=30)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "x"]),
    path=texts | st.sampled_from(["audiences", "fields", "checks", "status", "audiences/123456789abc"]),
    body=st.none() | st.binary(max_size=50) | anything.map(lambda one: json.dumps(one).encode()),
    token=st.none() | texts,
)
def test_whatever_comes_without_a_token_is_refused_and_changes_nothing(
    marketo: Simulator, method: str, path: str, body: bytes | None, token: str | None
) -> None:
    before = items()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    assert source_call(_known_sender().id, method, path, body, headers).status == 401
    assert items() == before or not before
    assert not lists(marketo)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "x"]),
    path=texts | st.sampled_from(["checks", "status", "audiences/123456789abc"]),
    body=st.none() | st.binary(max_size=50) | anything.map(lambda one: json.dumps(one).encode()),
)
def test_whatever_a_sender_asks_is_answered_and_is_no_fault_of_ours(
    marketo: Simulator, method: str, path: str, body: bytes | None
) -> None:
    answer = _known_sender()(method, path, body)
    assert answer.status < 500
    assert "urn:marketo-destination:problem:" in answer.text or answer.status == 200
    assert not lists(marketo)


def _known_sender() -> Sender:
    """One connection for all examples of a test."""
    found = [one for one in items() if one["sk"] == {"S": "connection"}]
    if not found:
        return _remember(Sender())
    return _SENDERS[found[0]["pk"]["S"]]


_SENDERS: dict[str, Sender] = {}


def _remember(sender: Sender) -> Sender:
    _SENDERS[sender.id] = sender
    return sender
