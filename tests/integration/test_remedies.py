"""What callers and senders are told to do, done: by the hints of checks, by problems, by alerts and alarms."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from destination.domain.remedy import Remedy
from marketo_simulator import Fault, Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.control_plane import activated, call, created


@pytest.fixture
def console(control_plane_marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    """The whole interface over the Marketo of the control plane."""
    with stack(control_plane_marketo, tmp_path) as standing:
        yield standing


def person(name: str) -> dict[str, object]:
    profile = {"email": f"{name}@example.org", "firstName": name, "lastName": "Lovelace"}
    return {"profile": profile, "audiences": [{"id": "aud-1", "status": "realized"}]}


@pytest.mark.remedy("fix-properties")
@pytest.mark.usefixtures("marketo")
def test_a_property_that_a_check_names_is_fixed_by_what_it_offers() -> None:
    connection_id = created(partition="APAC")
    activated(connection_id)
    checks = call("POST", f"/connections/{connection_id}/checks").json["checks"]
    (failed,) = (one for one in checks if not one["ok"])
    assert (failed["hint"], [one["path"] for one in failed["errors"]]) == (Remedy.FIX_PROPERTIES.says, ["partition"])
    (offered,) = call("GET", f"/connections/{connection_id}/marketo/partitions").json["partitions"]
    assert call("PATCH", f"/connections/{connection_id}", {"partition": offered["name"]}).status == 200
    assert call("POST", f"/connections/{connection_id}/enable").json["status"] == "enabled"


@pytest.mark.remedy("ask-again")
def test_what_marketo_did_not_answer_is_asked_again(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    marketo.script(Fault(code="608", path="^/rest", every=1))
    first, *others = call("POST", f"/connections/{connection_id}/checks").json["checks"][1:]
    assert all(one["hint"] == Remedy.ASK_AGAIN.says for one in others)
    assert Remedy.ASK_AGAIN.says.rstrip(".") in first["hint"]
    marketo.clear_faults()
    assert call("POST", f"/connections/{connection_id}/checks").json["ok"]


@pytest.mark.remedy("choose-name")
def test_a_list_whose_name_is_taken_gets_another(marketo: Simulator) -> None:
    connection_id = created()
    marketo.script(Fault(code="709", method="POST", path="staticLists", every=1))
    refused = activated(connection_id)
    assert Remedy.CHOOSE_NAME.says in refused.json["detail"]
    marketo.clear_faults()
    answer = call("POST", f"/connections/{connection_id}/audiences", {"id": "aud-1", "name": "Another"})
    assert (answer.status, answer.json["list"]["name"]) == (201, "Another")


@pytest.mark.remedy("send-rejected-again")
def test_a_record_that_was_rejected_arrives_once_the_source_sends_it_right(console: Stack) -> None:
    token = console.token()
    connection = str(console.connection()["id"]), token
    assert console.running.send(connection, [person("ada"), "bob"]) == 202
    assert console.running.deliver() == set()
    (run,) = call("GET", f"/connections/{connection[0]}/runs").json["runs"]
    assert (run["rejected"], len(run["losses"])) == (1, 1)
    assert console.running.send(connection, person("bob")) == 202
    assert console.running.deliver() == set()
    assert {lead.values["firstName"] for lead in console.marketo.state.leads.values()} == {"ada", "bob"}


@pytest.mark.remedy("the-webhook-answers-5xx")
def test_what_the_webhook_answered_with_5xx_is_sent_again_and_counted_once(console: Stack) -> None:
    token = console.token()
    connection = str(console.connection()["id"]), token
    console.running.aws.sqs.delete_queue(QueueUrl=console.running.aws.queue_url)
    assert console.running.send(connection, {"id": "evt-1", **person("ada")}) == 503
    plane.sqs().create_queue(QueueName="events")
    for _ in range(2):
        assert console.running.send(connection, {"id": "evt-1", **person("ada")}) == 202
        assert console.running.deliver() == set()
    total = json.loads(console.done("overview", "--json"))["connections"][0]["last_day"]
    assert (total["received"], total["activated"], total["unchanged"]) == (2, 1, 1)
