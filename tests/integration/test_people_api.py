"""What became of a person, through the functions: asked with one value, answered by what is known everywhere."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from destination.composition.aws import s3
from destination.domain.pseudonym import pseudonym
from functions.connections import app
from marketo_simulator import Fault
from marketo_simulator.adapter import SimulatorAdapter
from testing.aws import refused
from testing.control_plane import call
from testing.stack import MAPPING, RunningStack, stack

WEBINAR = {"name": "Webinar", "id": 1001, "workspace": "Default"}
SPRING = {"name": "Spring", "id": 1002, "workspace": "Default"}
SEED = {
    "lists": [WEBINAR, SPRING],
    "partitions": [{"name": "EMEA"}],
    "fields": [{"name": "customerKey", "data_type": "string", "length": 40}],
}
ADA = "ada@example.org"
LEADS = "^/rest/v1/leads.json"
MEMBERSHIP = "listMembership"


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack(SEED) as made:
        yield made


def connected(running: RunningStack, **changes: object) -> tuple[str, str]:
    """The id and the token of an enabled connection with an audience on the list."""
    connection = running.connect(**{"mapping": MAPPING, **changes})
    activate(connection[0], "aud-1", 1001)
    assert call("POST", f"/connections/{connection[0]}/enable").status == 200
    return connection


def activate(connection_id: str, audience: str, list_id: int) -> None:
    activation = {"id": audience, "name": audience, "list": {"id": list_id}}
    assert call("POST", f"/connections/{connection_id}/audiences", activation).status == 201


def delivered(running: RunningStack, connection: tuple[str, str], *events: tuple[str, str]) -> None:
    assert running.post(connection, *events) == 202
    running.deliver()


def looked_up(connection: tuple[str, str], value: str = ADA, path: str = "lookups", **more: object) -> Any:
    answer = call("POST", f"/connections/{connection[0]}/people/{path}", {"value": value, **more})
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


def agreement_of(found: Any) -> dict[str, str]:
    return {one["id"]: one["agreement"]["code"] for one in found["audiences"]}


def by_hand(running: RunningStack, method: str, list_id: int, lead_id: int) -> None:
    """Somebody else changes a list."""
    session = requests.Session()
    session.mount("https://", SimulatorAdapter(running.marketo))
    identity = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
    token = session.get("https://marketo.example/identity/oauth/token", params=identity).json()["access_token"]
    url = f"https://marketo.example/rest/v1/lists/{list_id}/leads.json"
    headers = {"Authorization": f"Bearer {token}"}
    answer = session.request(method, url, json={"input": [{"id": lead_id}]}, headers=headers).json()
    assert answer["success"], answer


def leads_of(running: RunningStack) -> list[Any]:
    dumped: Any = running.marketo.dump()
    return list(dumped["leads"])


def test_somebody_who_arrived_is_on_the_list_and_nothing_is_left_to_do(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    [lead] = leads_of(running)
    found = looked_up(connection)
    assert found["name"] == pseudonym(b"secret", ADA)
    assert found["is_known"]
    [shown] = found["leads"]
    assert shown == {
        "id": lead["id"],
        "partition": "Default",
        "updated_at": shown["updated_at"],
        "is_person": True,
        "why": "The only lead with the value.",
        "values": None,
    }
    assert datetime.fromisoformat(shown["updated_at"]) == datetime.fromisoformat(lead["updatedAt"])
    [audience] = found["audiences"]
    assert audience["desired"]["status"] == "realized"
    assert audience["applied"] == {"list_id": 1001, "lead_ids": [lead["id"]], "is_in_doubt": False}
    assert (audience["is_on_list"], audience["agreement"]["code"]) == (True, "as_desired")
    assert found["attributes"]["lead_id"] == lead["id"]
    assert found["next"] == {
        "sentence": "Nothing would change, unless it brings other attributes or memberships.",
        "is_parked": False,
        "outcome": "unchanged",
        "reason": {
            "code": "ALREADY_DELIVERED",
            "message": "The same was delivered to Marketo before.",
        },
        "needs": [],
        "plan": {"write": "nothing", "lead_id": lead["id"], "fields": [], "joins": [], "leaves": []},
    }
    assert (found["trouble"], found["refusals"], found["waiting"]["events"]) == (None, [], [])


@pytest.mark.parametrize(("asked", "calls"), [({}, 4), ({"value": "ada", "source": "key"}, 5)])
def test_a_look_up_takes_few_calls_to_marketo_whatever_the_number_of_audiences(
    running: RunningStack, asked: dict[str, str], calls: int
) -> None:
    connection = connected(running)
    activate(connection[0], "aud-2", 1002)
    delivered(running, connection, ("ada", "realized"))
    before = len(running.marketo.log())
    looked_up(connection, **{"value": ADA, **asked})
    assert len(running.marketo.log()) - before == calls


def test_the_newest_of_several_leads_is_the_person_in_whatever_partition(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    [first] = leads_of(running)
    later = datetime.now(UTC) + timedelta(hours=1)
    newer = {"id": 77, "email": "ADA@example.org", "partition": "EMEA", "updatedAt": f"{later:%Y-%m-%dT%H:%M:%SZ}"}
    running.marketo.seed({"leads": [newer]})
    found = looked_up(connection)
    assert [(one["id"], one["partition"], one["is_person"], one["why"]) for one in found["leads"]] == [
        (77, "EMEA", True, "Updated last of 2 leads."),
        (first["id"], "Default", False, "Updated earlier."),
    ]
    assert found["lead_count"] == 2
    assert agreement_of(found) == {"aud-1": "to_move"}


def test_a_lead_that_differs_in_case_alone_is_the_person_where_nothing_is_exact() -> None:
    field = {"name": "customerKey", "data_type": "string", "length": 40, "ignores_case": True}
    with stack({**SEED, "fields": [field], "leads": [{"id": 7, "customerKey": "AB-17"}]}) as running:
        mapping = [{"source": "key", "target": "DedupeField"}, *MAPPING[1:3], {"source": "email", "target": "email"}]
        connection = connected(running, dedupe_field="customerKey", mapping=mapping)
        found = looked_up(connection, "ab-17")
    [lead] = found["leads"]
    assert (lead["id"], lead["is_person"]) == (7, True)
    assert "in another case" in lead["why"]


def test_of_somebody_who_could_not_be_created_it_is_told_what_an_event_needs(running: RunningStack) -> None:
    connection = connected(running)
    running.send(connection, {"profile": {"email": ADA}, "audiences": [{"id": "aud-1", "status": "realized"}]})
    running.deliver()
    found = looked_up(connection)
    assert (found["is_known"], found["leads"], found["lead_count"]) == (True, [], 0)
    assert agreement_of(found) == {"aud-1": "to_join"}
    assert found["next"]["needs"] == ["firstName", "lastName", "email"]
    assert found["next"]["plan"]["write"] == "create"
    assert found["next"]["sentence"] == (
        "A new lead would be created in partition Default and put on Webinar (list 1001) "
        "if the event has firstName, lastName and email."
    )
    delivered(running, connection, ("ada", "realized"))
    assert running.members(1001) == {"ada"}, "the next event does what was told"


def test_of_somebody_in_no_audience_events_are_ignored(running: RunningStack) -> None:
    found = looked_up(connected(running), "nobody@example.org")
    assert (found["is_known"], found["leads"], agreement_of(found)) == (False, [], {"aud-1": "nothing_said"})
    assert (found["next"]["outcome"], found["next"]["plan"]) == (None, None)
    assert found["next"]["sentence"].startswith("It would be ignored")


def test_of_somebody_excluded_the_reason_is_told(running: RunningStack) -> None:
    connection = connected(running, person_action="update_existing_only")
    delivered(running, connection, ("ada", "realized"))
    found = looked_up(connection)
    assert (found["is_known"], found["leads"], agreement_of(found)) == (True, [], {"aud-1": "to_join"})
    assert (found["next"]["outcome"], found["next"]["reason"]["code"]) == ("excluded", "PERSON_NOT_FOUND")
    running.marketo.seed({"leads": [{"id": 7, "email": ADA}]})
    found = looked_up(connection)
    assert found["next"]["sentence"] == "Lead 7 would be put on Webinar (list 1001)."
    assert found["next"]["plan"]["joins"] == [{"id": "aud-1", "namespace": None, "list_id": 1001, "lead_ids": [7]}]
    delivered(running, connection, ("ada", "realized"))
    assert running.members(1001) == {"ada"}, "the next event does what was told"


def test_an_exit_whose_answer_was_lost_is_in_doubt_and_told_again(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    [lead] = leads_of(running)
    running.marketo.script(Fault("drop", executes=True, method="DELETE", path="/lists/", times=2))
    running.post(connection, ("ada", "exited"))
    running.deliver()
    found = looked_up(connection)
    [audience] = found["audiences"]
    assert audience["desired"]["status"] == "exited"
    assert audience["applied"]["is_in_doubt"]
    assert (audience["agreement"]["code"], audience["is_on_list"]) == ("in_doubt", False)
    assert found["next"]["plan"]["leaves"][0]["lead_ids"] == [lead["id"]]


def test_what_somebody_changed_in_marketo_is_seen(running: RunningStack) -> None:
    connection = connected(running)
    running.marketo.seed({"leads": [{"id": 7, "email": ADA}]})
    delivered(running, connection, ("ada", "realized"))
    by_hand(running, "DELETE", 1001, 7)
    found = looked_up(connection)
    assert (agreement_of(found), found["audiences"][0]["is_on_list"]) == ({"aud-1": "changed_in_marketo"}, False)
    delivered(running, connection, ("ada", "exited"))
    assert agreement_of(looked_up(connection)) == {"aud-1": "as_desired"}
    by_hand(running, "POST", 1001, 7)
    found = looked_up(connection)
    assert (agreement_of(found), found["audiences"][0]["is_on_list"]) == ({"aud-1": "changed_in_marketo"}, True)


def test_what_is_parked_is_found_and_its_delivery_is_foretold(running: RunningStack) -> None:
    connection = connected(running)
    running.post(connection, ("bob", "realized"), ("ada", "realized"))
    assert call("POST", f"/connections/{connection[0]}/disable").status == 200
    running.deliver()
    found = looked_up(connection)
    [event] = found["waiting"]["events"]
    assert (event["waits_for"], event["reason"]) == ("disabled", None)
    assert event["audiences"] == [{"id": "aud-1", "namespace": None, "status": "realized"}]
    assert (found["waiting"]["looked_through"], found["waiting"]["in_all"]) == (2, 2)
    assert found["waiting"]["hold"]["waits_for"] == "disabled"
    assert found["next"]["is_parked"]
    assert found["next"]["plan"]["write"] == "create"
    assert set(found["next"]["plan"]["fields"]) == {"customerKey", "email", "firstName", "lastName"}
    assert found["next"]["sentence"].startswith("It would wait first: the connection is disabled")
    assert call("POST", f"/connections/{connection[0]}/enable").status == 200
    running.deliver()
    assert running.members(1001) == {"ada", "bob"}
    assert looked_up(connection)["waiting"]["events"] == []


def test_what_failed_is_found_with_its_reason_until_it_is_redriven(running: RunningStack) -> None:
    connection = connected(running)
    running.marketo.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
    delivered(running, connection, ("ada", "realized"))
    found = looked_up(connection)
    [event] = found["waiting"]["events"]
    assert event["reason"]["code"] == "MARKETO_1003"
    assert event["reason"]["message"].startswith("Invalid data.")
    lasts = datetime.fromisoformat(event["expires_at"]) - datetime.fromisoformat(event["failed_at"])
    assert lasts == timedelta(days=28)
    assert not found["next"]["is_parked"], "a letter comes back only if somebody redrives it"
    assert looked_up(connection, "bob@example.org")["waiting"]["events"] == []
    assert call("POST", f"/connections/{connection[0]}/letters/redrives", {}).status == 202
    running.deliver()
    assert looked_up(connection)["waiting"]["events"] == []


def test_a_bundle_that_a_crash_left_behind_tells_of_nothing_that_was_delivered(running: RunningStack) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"))
    call("POST", f"/connections/{connection[0]}/disable")
    running.deliver()
    call("POST", f"/connections/{connection[0]}/enable")
    with refused(s3(), "DeleteObject"):
        running.deliver()
    assert running.members(1001) == {"ada"}
    found = looked_up(connection)
    assert (found["waiting"]["in_all"], found["waiting"]["events"]) == (1, [])


def test_without_consent_the_withdrawal_is_shown(running: RunningStack) -> None:
    consent = {"source": "consents.marketing", "allowed": ["y"]}
    connection = connected(running, consent=consent)
    for said in ("y", "n"):
        profile = {"email": ADA, "firstName": "Ada", "lastName": "Lovelace", "consents": {"marketing": said}}
        running.send(connection, {"profile": profile, "audiences": [{"id": "aud-1", "status": "realized"}]})
        running.deliver()
    found = looked_up(connection)
    assert found["consent"]["is_given"] is False
    assert (found["next"]["outcome"], found["next"]["reason"]["code"]) == ("excluded", "NO_CONSENT")
    assert agreement_of(found) == {"aud-1": "as_desired"}
    assert found["audiences"][0]["applied"]["lead_ids"] == []


def test_what_marketo_refuses_for_now_is_told_of_the_person(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("bob", "realized"))
    running.marketo.script(Fault("skip", "611", records=(0,), path=LEADS, nth=2))
    delivered(running, connection, ("ada", "realized"))
    [refusals] = looked_up(connection)["refusals"]
    assert (refusals["call"], refusals["code"]) == ("create", "611")
    assert refusals["message"]
    assert refusals["since"] <= refusals["at"] < refusals["retry_at"]


def test_people_are_found_by_any_source_that_marketo_can_be_searched_by(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"), ("bob", "realized"))
    found = looked_up(connection, "ada", source="key")
    assert found["name"] == pseudonym(b"secret", ADA)
    assert agreement_of(found) == {"aud-1": "as_desired"}
    assert found == looked_up(connection, ADA, source="email")


def test_somebody_whom_marketo_does_not_know_is_found_by_what_waits(running: RunningStack) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"), ("bob", "realized"))
    call("POST", f"/connections/{connection[0]}/disable")
    running.deliver()
    found = looked_up(connection, "ada", source="key")
    assert found["name"] == pseudonym(b"secret", ADA)
    assert len(found["waiting"]["events"]) == 1


def test_profiles_have_the_values_of_the_mapped_fields_and_lookups_have_none(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    [lead] = looked_up(connection, path="profiles")["leads"]
    assert lead["values"] == {"email": ADA, "firstName": "ada", "lastName": "Lovelace", "customerKey": "ada"}
    assert "Lovelace" not in json.dumps(looked_up(connection))
    assert ADA not in json.dumps(looked_up(connection))


def test_what_must_not_be_exported_is_not_shown(running: RunningStack) -> None:
    labelled = [*MAPPING[:3], {**MAPPING[3], "labels": ["C12"]}]
    connection = connected(running, mapping=labelled)
    delivered(running, connection, ("ada", "realized"))
    [lead] = looked_up(connection, path="profiles")["leads"]
    assert "customerKey" not in lead["values"]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({}, "value", "must be given"),
        ({"value": ""}, "value", "must not be empty"),
        ({"value": 17}, "value", "must be a string"),
        ({"value": ADA, "email": ADA}, "email", "is not a known property; leave it out"),
        ({"value": "not an address"}, "value", "fits no lead: not an e-mail address"),
        ({"value": "shared", "source": "key"}, "value", "2 people have it; give one's value of email"),
        ({"value": "17", "source": "key"}, "value", "nobody has it, as far as is known; give a value of email"),
        (
            {"value": ADA, "source": "identityMap.email"},
            "source",
            "must be one of those that the mapping reads: email, firstName, lastName, key, score",
        ),
        (
            {"value": "3", "source": "score"},
            "source",
            "Marketo cannot be searched by annualRevenue, which it fills; leave it out, or name another one",
        ),
    ],
)
def test_what_leads_to_nobody_is_refused_with_what_to_do(
    running: RunningStack, body: dict[str, object], path: str, message: str
) -> None:
    connection = connected(running, mapping=[*MAPPING, {"source": "score", "target": "annualRevenue"}])
    twins = [{"email": f"{who}@example.org", "customerKey": "shared"} for who in ("ada", "bob")]
    running.marketo.seed({"leads": twins})
    answer = call("POST", f"/connections/{connection[0]}/people/lookups", body)
    assert answer.status in {400, 422}, answer.text
    assert answer.errors == {path: message}


def test_a_draft_is_told_what_it_lacks_and_a_list_is_no_question(running: RunningStack) -> None:
    connection_id, _ = running.connect(credentials=None, mapping=[])
    answer = call("POST", f"/connections/{connection_id}/people/lookups", {"value": ADA})
    assert (answer.status, set(answer.errors)) == (409, {"credentials", "mapping"})
    assert call("POST", f"/connections/{connection_id}/people/lookups", [{"value": ADA}]).status in {400, 422}
    assert call("POST", "/connections/none/people/profiles", {"value": ADA}).status == 404


@pytest.mark.parametrize("fault", [Fault("error", "713", every=1), Fault("http", every=1), Fault("drop", every=1)])
def test_while_marketo_does_not_answer_the_rest_is_told_all_the_same(running: RunningStack, fault: Fault) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    running.marketo.script(fault)
    found = looked_up(connection)
    assert (found["leads"], found["next"]) == (None, None)
    assert found["trouble"]
    assert found["is_known"]
    assert agreement_of(found) == {"aud-1": "as_desired"}
    answer = call("POST", f"/connections/{connection[0]}/people/lookups", {"value": "ada", "source": "key"})
    assert answer.status == 503, "nobody knows who that is but Marketo"


def test_a_user_that_may_not_see_lists_is_told_and_the_leads_are_shown(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    running.marketo.script(Fault("error", "603", path=MEMBERSHIP))
    found = looked_up(connection)
    assert [one["is_person"] for one in found["leads"]] == [True]
    assert found["audiences"][0]["is_on_list"] is None
    assert found["next"]["outcome"] == "unchanged"
    assert "603" in found["trouble"]


def stored(running: RunningStack) -> dict[str, object]:
    """All that is kept anywhere, but the audit log."""
    scanned = {
        table: sorted(
            json.dumps(item, sort_keys=True, default=str)
            for item in running.aws.dynamodb.scan(TableName=table)["Items"]
            if not item.get("pk", {"S": ""})["S"].startswith("audit#")
        )
        for table in ("ConnectionsTable", "LedgerTable", "RunsTable")
    }
    objects = running.aws.s3.list_objects_v2(Bucket=running.aws.bucket).get("Contents", [])
    return {**scanned, "bucket": [(one["Key"], one["ETag"]) for one in objects], "marketo": running.marketo.dump()}


@pytest.mark.usefixtures("short_window")
@pytest.mark.parametrize("path", ["lookups", "profiles"])
def test_nothing_is_changed_anywhere(running: RunningStack, path: str) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"), ("eve", "realized"))
    running.marketo.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
    delivered(running, connection, ("bob", "realized"))
    running.marketo.script(Fault("drop", executes=True, method="DELETE", path="/lists/", times=2))
    delivered(running, connection, ("eve", "exited"))
    call("POST", f"/connections/{connection[0]}/disable")
    running.post(connection, ("ada", "exited"), ("carl", "realized"))
    running.deliver()
    before = stored(running)
    for who in ("ada", "bob", "carl", "eve", "nobody"):
        looked_up(connection, f"{who}@example.org", path)
    looked_up(connection, "ada", path, source="key")
    assert stored(running) == before
    assert running.aws.receive() == []


def test_the_value_is_in_no_log_no_error_and_no_record(running: RunningStack, caplog: pytest.LogCaptureFixture) -> None:
    connection = connected(running)
    delivered(running, connection, ("ada", "realized"))
    caplog.clear()
    caplog.set_level("DEBUG", logger=app.logger.name)
    secret = "confidential-value"
    path = f"/connections/{connection[0]}/people"
    answers = [
        call("POST", f"{path}/{kind}", {"value": value, **more})
        for kind in ("lookups", "profiles")
        for value, more in (
            (f"{secret}@example.org", {}),
            (secret, {}),
            (secret, {"source": "key"}),
            (f"{secret}@example.org", {"other": secret}),
            (f"{secret}\u0000", {}),
        )
    ]
    assert [one.status for one in answers] == [200, 422, 422, 422, 422] * 2
    lines = "\n".join(app.logger.registered_formatter.format(record) for record in caplog.records)
    assert "request refused" in lines
    assert secret not in lines
    assert not [one.text for one in answers if secret in one.text]
    records = call("GET", "/audit", query={"connection_id": connection[0]})
    assert secret not in records.text
    assert "example.org" not in records.text


def test_who_asked_is_in_the_audit_log_and_of_whom_by_pseudonym(running: RunningStack) -> None:
    connection = connected(running)
    looked_up(connection, " ADA@example.org ")
    looked_up(connection, path="profiles")
    records = call("GET", "/audit", query={"connection_id": connection[0]}).json["records"]
    change = {"path": "person", "before": None, "after": pseudonym(b"secret", ADA)}
    assert [(one["action"], one["changes"]) for one in records[:2]] == [
        ("view_profile", [change]),
        ("look_up_person", [change]),
    ]


def test_a_legacy_connection_finds_people_by_address_and_by_ecid(running: RunningStack) -> None:
    mapping = [
        {"source": "email", "target": "Email"},
        {"source": "identityMap.ecid", "target": "ECID"},
        *MAPPING[1:3],
    ]
    connection = connected(running, generation="legacy_v2", ecid_field="customerKey", mapping=mapping)
    running.marketo.seed({"leads": [{"id": 7, "email": ADA, "customerKey": "e-1"}, {"id": 8, "customerKey": "e-2"}]})
    by_address, by_ecid = looked_up(connection), looked_up(connection, "e-1", source="identityMap.ecid")
    assert [one["id"] for one in by_address["leads"]] == [7]
    assert (by_ecid["name"], [one["id"] for one in by_ecid["leads"]]) == (by_address["name"], [7])
    alone = looked_up(connection, "e-2", source="identityMap.ecid")
    assert ([one["id"] for one in alone["leads"]], alone["name"]) == ([8], pseudonym(b"secret", "ecid,e-2"))
