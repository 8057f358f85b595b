"""A canary through the control plane: sent with consent, carried on by asking, and told."""

import json
from typing import Any

import pytest

from destination.composition.connections import paces
from marketo_simulator import Fault, Simulator
from testing.control_plane import call, created

ADDRESS = "canary@example.org"
BODY = {"email": ADDRESS, "list_id": 77, "consent": True}
LISTS = {"lists": [{"name": "Canaries", "id": 77, "workspace": "Default"}]}


def carried_on(marketo: Simulator, path: str) -> Any:
    marketo.advance(5)
    paces.cache_clear()  # as if the window of the calls of the step before was over
    answer = call("GET", path)
    assert answer.status == 200, answer.text
    return answer.json


def test_a_canary_goes_on_with_each_call_and_tells_what_it_found(marketo: Simulator) -> None:
    marketo.seed(LISTS)
    connection_id = created()
    known = call("GET", f"/connections/{connection_id}/capabilities").json
    assert (known["asked_at"], known["canary_id"]) == (None, None)
    assert {one["answer"] for one in known["answers"]} == {None}

    sent = call("POST", f"/connections/{connection_id}/canaries", BODY)
    assert sent.status == 202, sent.text
    assert (sent.json["status"], sent.json["question"], sent.json["asked"]) == ("asking", "creates_on_list", 0)
    again = call("POST", f"/connections/{connection_id}/canaries", BODY)
    assert (again.status, sent.json["id"] in again.json["detail"]) == (409, True)
    assert again.json["type"] == "urn:marketo-destination:problem:canary-going-on"

    shown, statuses = sent.json, []
    while shown["finished_at"] is None:
        shown = carried_on(marketo, f"/connections/{connection_id}/canaries/{shown['id']}")
        statuses.append(shown["status"])
        assert ADDRESS not in json.dumps(shown)
    assert list(dict.fromkeys(statuses)) == ["asking", "cleaning", "completed"]
    assert (shown["leads"], shown["held_up"], shown["ended_by"], shown["asked"]) == ([], None, None, 6)

    known = call("GET", f"/connections/{connection_id}/capabilities").json
    assert known["canary_id"] == shown["id"]
    assert known["answers"] == shown["answers"]
    assert {one["name"]: one["answer"] for one in known["answers"]} == {
        **{"joins_by_id": True, "id_is_a_header": True, "creates_on_list": True, "keeps_blank": True},
        **{"ignores_unknown_columns": False, "updates_newest": True},
    }
    other = call("GET", f"/connections/{created(name='Other')}/capabilities").json
    assert (other["answers"], other["canary_id"]) == (known["answers"], None), "the instance is the same"
    records = call("GET", "/audit", query={"connection_id": connection_id}).json["records"]
    assert "send_canary" in [one["action"] for one in records]
    assert ADDRESS not in json.dumps(records)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({**BODY, "consent": False}, "consent"),
        ({"email": ADDRESS, "list_id": 77}, "consent"),
        ({**BODY, "email": "nobody"}, "email"),
        ({**BODY, "list_id": 0}, "list_id"),
        ({**BODY, "list_id": 78}, "list_id"),
    ],
)
def test_without_consent_an_address_or_a_list_none_is_sent(marketo: Simulator, body: object, path: str) -> None:
    marketo.seed(LISTS)
    answer = call("POST", f"/connections/{created()}/canaries", body)
    assert answer.status == 422, answer.text
    assert [one["path"] for one in answer.json["errors"]] == [path]


def test_what_holds_a_step_up_is_told(marketo: Simulator) -> None:
    marketo.seed(LISTS)
    connection_id = created()
    sent = call("POST", f"/connections/{connection_id}/canaries", BODY).json
    marketo.script(Fault(code="1016", path="/bulk/v1/leads.json"))
    shown = carried_on(marketo, f"/connections/{connection_id}/canaries/{sent['id']}")
    assert (shown["held_up"]["code"], shown["status"]) == ("1016", "asking")
    assert shown["held_up"]["message"]
    assert call("GET", f"/connections/{connection_id}/canaries/none").status == 404
