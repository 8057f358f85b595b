"""Scripted faults: what goes wrong, for which call, and whether the call took effect."""

import pytest

from marketo_simulator import ConnectionDropped, Fault
from tests.unit.simulator.simulator_api import Api, code, outcome

PARTITIONS = "/rest/v1/leads/partitions.json"
NEW = {"email": "new@example.org"}


def codes(api: Api, calls: int, path: str = PARTITIONS) -> list[str]:
    return [code(api.get(path)) for _ in range(calls)]


def test_faults_in_the_list_happen_one_call_after_the_other() -> None:
    api = Api()
    api.simulator.script(Fault(code="606"), Fault(code="502"))
    assert codes(api, 3) == ["606", "502", ""]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(code="604", nth=3), ["", "", "604", "", "", ""]),
        (Fault(code="604", every=2), ["", "604", "", "604", "", "604"]),
        (Fault(code="604", every=2, times=2), ["", "604", "", "604", "", ""]),
        (Fault(code="604", times=2), ["604", "604", "", "", "", ""]),
        (Fault(code="604", every=1), ["604"] * 6),
    ],
)
def test_which_calls_go_wrong(fault: Fault, expected: list[str]) -> None:
    api = Api()
    api.simulator.script(fault)
    assert codes(api, 6) == expected


def test_a_pattern_narrows_the_calls_that_are_counted() -> None:
    api = Api()
    api.simulator.script(Fault(code="608", method="GET", path=r"describe2?\.json$", nth=2))
    assert codes(api, 3) == ["", "", ""]
    assert codes(api, 2, "/rest/v1/leads/describe2.json") == ["", "608"]


def test_an_error_before_executing_changes_nothing_and_after_executing_loses_the_answer() -> None:
    api = Api()
    api.simulator.script(Fault(code="502"), Fault(code="502", executes=True))
    assert code(api.sync(NEW)) == "502"
    assert api.leads() == {}
    assert code(api.sync(NEW)) == "502"
    assert [lead["email"] for lead in api.leads().values()] == ["new@example.org"]
    assert [call.executed for call in api.simulator.log()[-2:]] == [False, True]


def test_an_error_may_have_its_own_text() -> None:
    api = Api()
    api.simulator.script(Fault(code="1003", message="Something is off"))
    assert api.get(PARTITIONS)["errors"] == [{"code": "1003", "message": "Something is off"}]


def test_records_can_be_skipped_all_or_some() -> None:
    api = Api()
    api.simulator.script(Fault("skip", code="1018", records=(1,)), Fault("skip", code="1008"))
    records = [{"email": f"p{number}@example.org"} for number in range(3)]
    assert api.outcomes(*records) == ["created", "1018", "created"]
    assert api.outcomes(*records) == ["1008"] * 3
    assert len(api.leads()) == 2


def test_skips_reach_lists_and_deletions_too() -> None:
    api = Api({"leads": [{"email": "a@example.org"}], "lists": [{"name": "L", "id": 7}]})
    api.simulator.script(Fault("skip", code="1004", times=2))
    assert [outcome(row) for row in api.call("POST", "/rest/v1/lists/7/leads.json", {"id": 1})["result"]] == ["1004"]
    assert [outcome(row) for row in api.call("POST", "/rest/v1/leads/delete.json", {"id": 1})["result"]] == ["1004"]
    assert list(api.leads()) == [1]


def test_gateway_answers_are_html_or_empty() -> None:
    api = Api()
    api.simulator.script(Fault("http", status=503, body=""), Fault("http", executes=True))
    empty = api.send("POST", "/rest/v1/leads.json", content={"input": [NEW]})
    assert (empty.status, empty.body, api.leads()) == (503, b"", {})
    html = api.send("POST", "/rest/v1/leads.json", content={"input": [NEW]})
    assert (html.status, html.content_type, html.body[:6]) == (502, "text/html", b"<html>")
    assert len(api.leads()) == 1


@pytest.mark.parametrize("executes", [False, True])
def test_a_dropped_connection_before_and_after_executing(executes: bool) -> None:
    api = Api()
    api.simulator.script(Fault("drop", executes=executes, path="leads.json"))
    with pytest.raises(ConnectionDropped):
        api.sync(NEW)
    assert len(api.leads()) == int(executes)
    assert api.simulator.log()[-1].status == 0


def test_slow_answers() -> None:
    api = Api(latency=1.0)
    api.simulator.script(Fault("slow", seconds=30))
    start = api.time.now
    assert codes(api, 2) == ["", ""]
    assert (api.time.now - start).total_seconds() == 32


def test_faults_reach_identity_too() -> None:
    api = Api()
    api.simulator.script(Fault("http", status=500, path="/identity/"))
    assert api.sign_in().status == 500
    assert api.sign_in().status == 200


def test_a_drop_executed_first_frees_its_place() -> None:
    api = Api(concurrency=1)
    api.simulator.script(Fault("drop", executes=True))
    with pytest.raises(ConnectionDropped):
        api.get(PARTITIONS)
    assert codes(api, 1) == [""]


def test_clearing_the_list() -> None:
    api = Api()
    api.simulator.script(Fault(code="606", every=1))
    api.simulator.clear_faults()
    assert codes(api, 1) == [""]


def test_faults_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"effect": "explode"},
        {"effect": "error"},
        {"effect": "skip"},
        {"effect": "drop", "nth": 1, "every": 2},
        {"effect": "drop", "nth": 0},
        {"effect": "drop", "path": "("},
    ):
        with pytest.raises(ValueError, match=r"effect|code|nth|regular expression"):
            Fault(**wrong)


def test_what_is_due_at_once_happens_one_call_after_the_other() -> None:
    api = Api()
    api.simulator.script(
        Fault(code="606"), Fault(code="502", nth=1), Fault(code="611", nth=2), Fault(code="713", nth=2)
    )
    assert codes(api, 6) == ["606", "502", "611", "713", "", ""]
    api.simulator.script(Fault(code="606", every=3), Fault(code="502", every=3, times=2))
    assert codes(api, 8) == ["", "", "606", "502", "", "606", "502", ""]


def test_what_only_chance_kept_from_happening_is_not_made_up_for() -> None:
    api = Api()
    api.simulator.script(Fault(code="606", nth=1, probability=1e-12))
    assert codes(api, 50) == [""] * 50
