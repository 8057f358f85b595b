"""For which calls a fault happens: what they name, say and carry, how many they are, and chance."""

from collections.abc import Mapping
from typing import Any

import pytest

from marketo_simulator import Condition, Fault
from tests.unit.simulator.simulator_api import Api, code, outcome

ADA, BOB = "ada@example.org", "bob@example.org"
SEED = {
    "leads": [{"id": 7, "email": ADA, "firstName": "Ada"}, {"id": 8, "email": BOB, "firstName": "Bob"}],
    "lists": [{"name": "L", "id": 70, "members": [7, 8]}],
}
PARTITIONS = "/rest/v1/leads/partitions.json"


def scripted(when: Condition, **fault: Any) -> Api:
    api = Api(SEED)
    given: dict[str, Any] = {"code": "611", "every": 1, "when": when} | fault
    api.simulator.script(Fault(**given))
    return api


def calls(api: Api, lead_id: int, email: str) -> dict[str, str]:
    """The code of every kind of call that can name this lead."""
    imported = f"email,firstName\n{email},New\n".encode()
    return {
        "by id": code(api.get(f"/rest/v1/lead/{lead_id}.json")),
        "by filter": code(api.find("email", "x@example.org", email.upper())),
        "by ids": code(api.find("id", 99, lead_id)),
        "posted filter": code(
            api.call(
                "POST",
                "/rest/v1/leads.json",
                {"_method": "GET"},
                form={"filterType": "email", "filterValues": f"x@example.org,{email}"},
            )
        ),
        "sync": code(api.sync({"email": "x@example.org"}, {"email": email})),
        "sync by id": code(api.sync({"id": lead_id, "firstName": "A"}, action="updateOnly", lookupField="id")),
        "add to list": code(api.call("POST", "/rest/v1/lists/70/leads.json", content={"input": [{"id": lead_id}]})),
        "add by parameter": code(api.call("POST", "/rest/v1/lists/70/leads.json", {"id": [99, lead_id]})),
        "membership": code(api.get(f"/rest/v1/leads/{lead_id}/listMembership.json")),
        "import": code(imports(api, imported)),
        "delete": code(api.call("POST", "/rest/v1/leads/delete.json", content={"input": [{"id": str(lead_id)}]})),
    }


def imports(api: Api, file: bytes, lookup: str = "email") -> Mapping[str, Any]:
    parts = [("format", b"csv"), ("lookupField", lookup.encode()), ("file", file)]
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n' % (name.encode(), content)
        for name, content in parts
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return api.call("POST", "/bulk/v1/leads.json", headers=headers, body=body + b"--b--\r\n")


def test_a_lead_makes_every_call_that_names_it_fail_and_no_other() -> None:
    api = scripted(Condition(lead=7))
    assert calls(api, 7, ADA) == dict.fromkeys(calls(Api(SEED), 7, ADA), "611")
    assert set(calls(api, 8, BOB).values()) == {""}
    assert api.lead(7)["firstName"] == "Ada"


def test_a_lead_is_not_named_by_a_value_that_nobody_looks_it_up_by() -> None:
    api = scripted(Condition(lead=7))
    assert code(api.sync({"email": BOB, "firstName": "Ada"})) == ""
    assert code(api.get("/rest/v1/lists/70.json", batchSize=7)) == ""


def test_a_lead_that_does_not_exist_is_named_by_its_id_alone() -> None:
    api = scripted(Condition(lead=99))
    assert code(api.get("/rest/v1/lead/99.json")) == "611"
    assert code(api.sync({"email": ADA})) == ""


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (Condition(body="Grace"), ["", "611", ""]),
        (Condition(key="leadScore"), ["", "", "611"]),
        (Condition(key="firstName", value=" GRACE "), ["", "611", ""]),
        (Condition(value="grace"), ["", "611", ""]),
        (Condition(key="lastName", value="grace"), ["", "", ""]),
        (Condition(record={"email": BOB, "firstName": "Grace"}), ["", "611", ""]),
        (Condition(record={"email": BOB, "firstName": "Ada"}), ["", "", ""]),
        (Condition(record={"leadScore": 5, "unsubscribed": True}), ["", "", "611"]),
        (Condition(key="action", value="createOnly"), ["", "", "611"]),
        (Condition(min_records=2), ["", "611", ""]),
        (Condition(key="firstName", lead=7), ["611", "", ""]),
    ],
)
def test_a_fault_by_what_records_hold(when: Condition, expected: list[str]) -> None:
    api = scripted(when)
    assert [
        code(api.sync({"email": ADA, "firstName": "Ada"})),
        code(api.sync({"email": ADA}, {"email": BOB, "firstName": "Grace"})),
        code(api.sync({"email": "c@example.org", "leadScore": 5, "unsubscribed": True}, action="createOnly")),
    ] == expected


def test_a_fault_by_a_row_of_an_imported_file() -> None:
    api = scripted(Condition(record={"email": BOB, "firstName": "B, ob"}))
    assert code(imports(api, b'email,firstName\na@example.org,"B, ob"\n')) == ""
    assert code(imports(api, b'email,firstName\na@example.org,A\nbob@example.org,"B, ob"\n')) == "611"


def test_a_fault_by_parameter_and_by_header() -> None:
    api = scripted(Condition(query={"fields": "^id,", "batchSize": ""}, headers={"x-trace": "^a+$"}))
    with_both = {"fields": "id,email", "batchSize": "5", "filterType": "email", "filterValues": ADA}
    found = "/rest/v1/leads.json"
    assert code(api.call("GET", found, with_both, headers={"X-Trace": "aaa"})) == "611"
    assert code(api.call("GET", found, with_both, headers={"X-Trace": "b"})) == ""
    assert code(api.call("GET", found, with_both)) == ""
    assert code(api.call("GET", found, with_both | {"fields": "email"}, headers={"X-Trace": "aaa"})) == ""


@pytest.mark.parametrize(
    "when", [Condition(lead=7), Condition(value=ADA), Condition(record={"email": ADA}), Condition(key="firstName")]
)
def test_a_skip_reaches_the_records_that_the_condition_is_true_of(when: Condition) -> None:
    api = scripted(when, effect="skip", code="1018")
    assert api.outcomes({"email": BOB}, {"email": ADA, "firstName": "New"}) == ["updated", "1018"]
    assert api.lead(7)["firstName"] == "Ada"


def test_a_skip_by_position_and_by_what_the_record_is_takes_both() -> None:
    api = scripted(Condition(key="firstName"), effect="skip", code="1018", records=(1, 2))
    ada, bob = {"email": ADA, "firstName": "A"}, {"email": BOB, "firstName": "B"}
    assert api.outcomes(ada, bob, {"email": "c@example.org"}) == ["updated", "1018", "created"]
    assert api.outcomes(ada) == ["updated"]


def test_a_skip_reaches_a_lead_in_list_calls() -> None:
    api = scripted(Condition(lead=7), effect="skip", code="1004")
    answer = api.call("DELETE", "/rest/v1/lists/70/leads.json", {"id": "8,7"})
    assert [outcome(row) for row in answer["result"]] == ["removed", "1004"]
    assert api.members(70) == [7]


def test_a_sequence_happens_call_by_call_and_by_rounds() -> None:
    def codes(fault: Fault) -> list[str]:
        api = Api()
        api.simulator.script(fault)
        return [code(api.get(PARTITIONS)) for _ in range(8)]

    steps = (Fault("pass"), Fault(code="502"))
    assert codes(Fault(code="606", then=steps)) == ["606", "", "502", "", "", "", "", ""]
    assert codes(Fault(code="606", then=steps, times=2)) == ["606", "", "502", "606", "", "502", "", ""]
    assert codes(Fault(code="606", then=steps, every=1)) == ["606", "", "502", "606", "", "502", "606", ""]
    assert codes(Fault(code="606", then=steps, nth=3)) == ["", "", "606", "", "502", "", "", ""]


def test_chance_is_the_same_for_the_same_seed_and_as_often_as_it_says() -> None:
    def codes(seed: int) -> list[str]:
        api = Api(calls_per_window=None)
        api.simulator.script(Fault(code="604", probability=0.25, seed=seed))
        return [code(api.get(PARTITIONS)) for _ in range(400)]

    assert codes(1) == codes(1) != codes(2)
    assert 60 <= codes(1).count("604") <= 140


def test_chance_may_be_bounded() -> None:
    api = Api()
    api.simulator.script(Fault(code="604", probability=1.0, times=2))
    assert [code(api.get(PARTITIONS)) for _ in range(4)] == ["604", "604", "", ""]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"when": {"lead": "seven"}}, "faults[0].when.lead: expected a whole number, got 'seven'"),
        ({"when": {"led": 7}}, "faults[0].when: unknown key 'led'; did you mean 'lead'?"),
        ({"when": {"body": "("}}, "faults[0].when: '(' is not a regular expression"),
        ({"when": {"query": {"fields": "["}}}, "faults[0].when: '[' is not a regular expression"),
        ({"when": {"record": {"email": []}}}, "faults[0].when: record.email is no plain value; give text"),
        ({"when": {"min_records": -1}}, "faults[0].when: min_records is negative; give the number"),
        ({"path": "a{99999999999}"}, "faults[0]: 'a{99999999999}' is not a regular expression"),
        ({"records": [-1]}, "faults[0]: records are positions in the input, from 0 up"),
        ({"probability": 0}, "faults[0]: probability is more than 0 and at most 1"),
        ({"probability": 1.5}, "faults[0]: probability is more than 0 and at most 1"),
        ({"then": [{"code": "606", "nth": 2}]}, "faults[0]: then[0] says when it happens; 'nth' stands in the first"),
        ({"then": [{"effect": "error"}]}, "faults[0].then[0]: effect 'error' needs a code"),
        ({"seconds": -1}, "faults[0]: seconds is out of reach; give 0 to 86400"),
        ({"seconds": 1e300}, "faults[0]: seconds is out of reach; give 0 to 86400"),
        ({"status": 42}, "faults[0]: status 42 ends no call; give one from 200 to 599"),
        ({"headers": {"X": "a\r\nSet-Cookie: b"}}, "faults[0]: header 'X' has a character that no header may have"),
        ({"headers": {"X Y": "a"}}, "faults[0]: header 'X Y' has a character that no header may have"),
        ({"headers": {"content-length": "1"}}, "faults[0]: header 'content-length' is written by the server; use"),
        ({"headers": {"Content-Type": "a"}}, "faults[0]: header 'Content-Type' is written by the server; use content"),
        ({"content_type": "text/html\n"}, "faults[0]: content_type has a character that no header may have"),
        ({"damage": "cut"}, "faults[0]: effect 'malformed', and no other, needs a damage: one of charset, cut, empty"),
        ({"effect": "malformed"}, "faults[0]: effect 'malformed', and no other, needs a damage"),
        ({"effect": "malformed", "damage": "x"}, "faults[0]: effect 'malformed', and no other, needs a damage"),
        ({"after_bytes": 5}, "faults[0]: after_bytes counts from 0 and goes with effect 'drop' alone"),
        ({"effect": "trickle", "piece": 0}, "faults[0]: piece counts from 1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_nothing_is_scripted(fault: dict[str, Any], message: str) -> None:
    api = Api()
    answer = api.send("POST", "/_simulator/faults", content={"code": "606"} | fault)
    assert answer.status == 400
    assert answer.json()["error"].startswith(message)
    assert list(api.simulator.faults) == []
