"""Runs as the control plane shows them: in its own shape, and in that of Adobe's flow runs."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.connection import Waiting
from destination.domain.latency import Latency
from destination.domain.loss import LOSSES, RECORD_NO_OBJECT, UNKNOWN_PROPERTY
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    MESSAGES,
    MISSING_DEDUPE_VALUE,
    PERSON_NOT_FOUND,
    rejected,
)
from destination.domain.run import Counters, Run, Tally, hour_of
from destination.domain.schema import WARNINGS, AttributeWarning
from destination.store.delivering import DeliveringConnections
from destination.store.runs import Runs
from testing.control_plane import activated, call, created, dynamodb

pytestmark = pytest.mark.usefixtures("marketo")

HOUR = "2026-01-01T10:00Z"
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
START_MS = 1_767_261_600_000
DAY = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T12:00:00Z"}
FLOW_RUN = {"format": "flow-run"}
INVALID = "Invalid data. Check the values against the fields' types and lengths."

UPS_1 = activation_id(AudienceKey("ups", "aud-1"))


def tally() -> Tally:
    """Twelve persons: seven activated, one unchanged, three excluded, one failed."""
    full = Tally(
        Counter(
            received=12,
            activated=7,
            unchanged=1,
            excluded=3,
            failed=1,
            created=3,
            updated=4,
            added=6,
            removed=2,
            new=2,
            left=1,
            warnings=2,
            ignored=5,
            rejected=4,
            left_out=1,
            marketo_calls=4,
        ),
        Counter({PERSON_NOT_FOUND: 2, MISSING_DEDUPE_VALUE: 1, rejected("1003"): 1, ALREADY_DELIVERED: 1}),
        {PERSON_NOT_FOUND: "5f0c5f0c5f0c5f0c"},
        dropped=Counter(company=2),
        warned=Counter({AttributeWarning("unsubscribed", "OPT_IN_KEPT"): 3}),
        latency=Latency.of({1000: 3, 20_000: 3, 60_000: 1}),
        first_at=START.replace(second=20),
        last_at=START.replace(minute=59),
        losses={RECORD_NO_OBJECT: 4, UNKNOWN_PROPERTY: 1},
    )
    full.audiences[AudienceKey("ups", "aud-1")] = Counters(
        Counter(received=6, activated=4, unchanged=1, failed=1),
        Counter({ALREADY_DELIVERED: 1, rejected("1003"): 1}),
        {rejected("1003"): "07de07de07de07de"},
    )
    full.audiences[AudienceKey("crm", "aud-1")] = Counters(Counter(received=3, activated=3))
    return full


def run_of(connection_id: str, hour: str = HOUR, counted: Tally | None = None) -> None:
    run = Run(connection_id, hour, tally=tally() if counted is None else counted)
    dynamodb().transact_write_items(TransactItems=[Runs(dynamodb(), "RunsTable").put(run, hour_of(hour))])


def runs(connection_id: str, **query: str) -> Any:
    answer = call("GET", f"/connections/{connection_id}/runs", query={**DAY, **query})
    assert answer.status == 200, answer.text
    return answer.json


def test_a_run_shows_its_counters_and_reasons() -> None:
    connection_id = created()
    run_of(connection_id)
    answer = call("GET", f"/connections/{connection_id}/runs/2026-01-01T10%3A00Z")
    assert answer.status == 200
    not_found = {"code": "PERSON_NOT_FOUND", "class": "excluded", "message": MESSAGES["PERSON_NOT_FOUND"]}
    delivered = {"code": "ALREADY_DELIVERED", "class": "unchanged", "message": MESSAGES["ALREADY_DELIVERED"]}
    invalid = {"code": "MARKETO_1003", "class": "failed", "message": INVALID}
    missing = {"code": "MISSING_DEDUPE_VALUE", "class": "excluded", "message": MESSAGES["MISSING_DEDUPE_VALUE"]}
    assert answer.json == {
        "id": HOUR,
        "status": "completed",
        "received": 12,
        "activated": {"persons": 7, "created": 3, "updated": 4, "added": 6, "removed": 2},
        "unchanged": 1,
        "excluded": 3,
        "failed": 1,
        "not_arrived": {"persons": 4, "href": f"/connections/{connection_id}/runs/{HOUR}/persons"},
        "warnings": 2,
        "ignored": 5,
        "rejected": 4,
        "left_out": 1,
        "losses": [
            {"code": "RECORD_NO_OBJECT", "class": "rejected", "count": 4, "message": LOSSES[RECORD_NO_OBJECT]},
            {"code": "UNKNOWN_PROPERTY", "class": "left_out", "count": 1, "message": LOSSES[UNKNOWN_PROPERTY]},
        ],
        "dropped": [{"field": "company", "count": 2}],
        "warned": [{"field": "unsubscribed", "code": "OPT_IN_KEPT", "count": 3}],
        "reasons": [
            {**not_found, "count": 2, "example": "5f0c5f0c5f0c5f0c"},
            {**delivered, "count": 1, "example": None},
            {**invalid, "count": 1, "example": None},
            {**missing, "count": 1, "example": None},
        ],
        "audiences": [
            {
                "activation_id": activation_id(AudienceKey("crm", "aud-1")),
                "id": "aud-1",
                "namespace": "crm",
                "name": None,
                "list": None,
                "list_size": None,
                "received": 3,
                "activated": 3,
                "unchanged": 0,
                "excluded": 0,
                "failed": 0,
                "reasons": [],
            },
            {
                "activation_id": UPS_1,
                "id": "aud-1",
                "namespace": "ups",
                "name": None,
                "list": None,
                "list_size": None,
                "received": 6,
                "activated": 4,
                "unchanged": 1,
                "excluded": 0,
                "failed": 1,
                "reasons": [
                    {**delivered, "count": 1, "example": None},
                    {**invalid, "count": 1, "example": "07de07de07de07de"},
                ],
            },
        ],
        "latency": {"p50_ms": 20_749, "p95_ms": 60_000, "max_ms": 60_000},
        "first_activity_at": "2026-01-01T10:00:20Z",
        "last_activity_at": "2026-01-01T10:59:00Z",
        "marketo_calls": 4,
    }
    owner = {"name": "Webinar leads", "removed_at": None}
    assert runs(connection_id) == {"connection": owner, "runs": [answer.json], "cursor": None}


def test_the_last_day_is_shown_unless_asked_otherwise() -> None:
    connection_id = created()
    run_of(connection_id)
    shown = call("GET", f"/connections/{connection_id}/runs").json
    assert (shown["runs"], shown["cursor"]) == ([], None)
    assert call("GET", f"/connections/{connection_id}/runs/2026-01-01T11:00Z").status == 404


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026"}, "to"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-05-01T00:00:00Z"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"format": "csv"}, "format"),
        ({"failures_only": "perhaps"}, "failures_only"),
    ],
)
def test_a_question_is_checked(query: Mapping[str, str], path: str) -> None:
    answer = call("GET", f"/connections/{created()}/runs", query=query)
    assert answer.status == 422
    assert answer.errors.keys() == {path}


@pytest.mark.parametrize("run", [f"summary#{HOUR}", "out_of_sync", "alert#failure_rate", "2026-11-21T9:00Z", "now"])
def test_what_is_no_run_is_not_shown_as_one(run: str) -> None:
    connection_id = created()
    dynamodb().put_item(TableName="RunsTable", Item={"connection_id": {"S": connection_id}, "id": {"S": run}})
    assert call("GET", f"/connections/{connection_id}/runs/{quote(run)}").status == 404


def test_a_cursor_comes_from_the_page_before() -> None:
    connection_id = created()
    for hour in (HOUR, "2026-01-01T11:00Z"):
        run_of(connection_id, hour)
    first = runs(connection_id, limit="1")
    second = runs(connection_id, limit="1", cursor=first["cursor"])
    assert [run["id"] for page in (first, second) for run in page["runs"]] == [HOUR, "2026-01-01T11:00Z"]
    assert second["cursor"] is None
    answer = call("GET", f"/connections/{connection_id}/runs", query={"cursor": "next"})
    assert (answer.status, answer.json["type"]) == (422, "urn:marketo-destination:problem:invalid")


def test_runs_can_be_chosen() -> None:
    connection_id = created()
    run_of(connection_id)
    run_of(connection_id, "2026-01-01T11:00Z", Tally(Counter(received=1, excluded=1), Counter({PERSON_NOT_FOUND: 1})))
    for query, hours in (
        ({"failures_only": "true"}, [HOUR]),
        ({"with_excluded": "true"}, [HOUR, "2026-01-01T11:00Z"]),
        ({"activation_id": UPS_1, "with_excluded": "true"}, []),
        ({"activation_id": UPS_1, "failures_only": "true"}, [HOUR]),
        ({"activation_id": activation_id(AudienceKey("crm", "aud-1"))}, [HOUR]),
    ):
        assert [run["id"] for run in runs(connection_id, **query)["runs"]] == hours
        in_flow = runs(connection_id, **query, **FLOW_RUN)["items"]
        assert [run["providerRefId"] for run in in_flow] == hours


def test_a_run_is_shown_for_one_audience() -> None:
    connection_id = created()
    run_of(connection_id)
    answer = call("GET", f"/connections/{connection_id}/runs/{HOUR}", query={"activation_id": UPS_1})
    only = answer.json
    assert (only["received"], only["activated"]["persons"], only["unchanged"], only["failed"]) == (6, 4, 1, 1)
    assert [one["code"] for one in only["reasons"]] == ["ALREADY_DELIVERED", "MARKETO_1003"]
    assert [(one["namespace"], one["id"]) for one in only["audiences"]] == [("ups", "aud-1")]
    of_all = ("warnings", "ignored", "rejected", "left_out", "marketo_calls")
    for unknown in (*of_all, "latency", "first_activity_at", "last_activity_at"):
        assert only[unknown] is None
    assert only["losses"] == []
    assert set(only["activated"].values()) == {4, None}
    other = call(
        "GET",
        f"/connections/{connection_id}/runs/{HOUR}",
        query={"activation_id": activation_id(AudienceKey("ups", "aud-2"))},
    )
    assert (other.status, other.json["detail"]) == (404, f"no event of run {HOUR} named this audience.")


def test_a_run_is_processing_while_an_event_of_it_waits() -> None:
    connection_id = created()
    run_of(connection_id)
    waiting = Waiting(START, datetime(2100, 1, 1, tzinfo=UTC))
    DeliveringConnections(dynamodb(), "ConnectionsTable").wait(connection_id, waiting)
    (run,) = runs(connection_id)["runs"]
    (flow_run,) = runs(connection_id, **FLOW_RUN)["items"]
    assert run["status"] == flow_run["metrics"]["statusSummary"]["status"] == "processing"
    assert flow_run["metrics"]["durationSummary"] == {"startedAtUTC": START_MS, "completedAtUTC": None}


def test_a_flow_run_has_the_shape_of_adobes() -> None:
    connection_id = created()
    run_of(connection_id)
    answer = call("GET", f"/connections/{connection_id}/runs/{HOUR}", query=FLOW_RUN)
    assert answer.status == 200
    (flow_run,) = answer.json["items"]
    metrics, (activity,) = flow_run.pop("metrics"), flow_run.pop("activities")
    assert len({flow_run["id"], activity["id"]}) == 2
    assert flow_run == {
        "id": flow_run["id"],
        "createdAt": START_MS,
        "updatedAt": START_MS + 59 * 60_000,
        "flowId": connection_id,
        "providerRefId": HOUR,
        "etag": '"1"',
    }
    duration = {"startedAtUTC": START_MS, "completedAtUTC": START_MS + 3_600_000}
    latency = {"minMs": 1000, "maxMs": 60_000, "avgMs": 17_571}
    totals = {"inputRecordCount": 12, "outputRecordCount": 8, "skippedRecordCount": 3, "failedRecordCount": 1}
    assert metrics == {
        "durationSummary": duration,
        "latencySummary": latency,
        "recordSummary": {
            **totals,
            "createdRecordCount": 2,
            "updatedRecordCount": 5,
            "deletedRecordCount": 1,
            "warningRecordCount": 2,
            "sourceSummaries": [
                {
                    "id": connection_id,
                    "inputRecordCount": 12,
                    "skippedRecordCount": 3,
                    "entitySummaries": [
                        {"id": "segment:crm:aud-1", "inputRecordCount": 3, "skippedRecordCount": 0},
                        {"id": "segment:aud-1", "inputRecordCount": 6, "skippedRecordCount": 0},
                    ],
                }
            ],
            "targetSummaries": [
                {
                    "id": connection_id,
                    "outputRecordCount": 8,
                    "failedRecordCount": 1,
                    "createdRecordCount": 2,
                    "entitySummaries": [
                        {"id": "segment:crm:aud-1", "outputRecordCount": 3, "failedRecordCount": 0},
                        {"id": "segment:aud-1", "outputRecordCount": 5, "failedRecordCount": 1},
                    ],
                }
            ],
            "skippedInfo": [
                {"code": "PERSON_NOT_FOUND", "message": MESSAGES["PERSON_NOT_FOUND"], "count": 2},
                {"code": "MISSING_DEDUPE_VALUE", "message": MESSAGES["MISSING_DEDUPE_VALUE"], "count": 1},
            ],
            "failedInfo": [{"code": "MARKETO_1003", "message": INVALID, "count": 1}],
            "warningInfo": [
                {"code": "ATTRIBUTE_DROPPED", "message": "Marketo cannot take values of company.", "count": 2},
                {"code": "OPT_IN_KEPT", "message": f"unsubscribed: {WARNINGS['OPT_IN_KEPT']}", "count": 3},
            ],
        },
        "statusSummary": {
            "status": "success",
            "errors": [{"code": "MARKETO_1003", "message": INVALID}],
            "activityRefs": [activity["id"]],
        },
    }
    assert activity == {
        "id": activity["id"],
        "name": "Delivery to Marketo",
        "updatedAtUTC": START_MS + 59 * 60_000,
        "durationSummary": duration,
        "latencySummary": latency,
        "recordSummary": totals,
        "statusSummary": {"status": "success", "extensions": {}},
    }
    assert runs(connection_id, **FLOW_RUN) == answer.json


def test_flow_runs_keep_their_ids_and_share_none() -> None:
    connections = [created(name=name) for name in ("Spring", "Autumn")]
    for connection_id in connections:
        for hour in (HOUR, "2026-01-01T11:00Z"):
            run_of(connection_id, hour)
    found = [[one["id"] for one in runs(each, **FLOW_RUN)["items"]] for each in connections]
    assert len({one for ids in found for one in ids}) == 4
    assert found == [[one["id"] for one in runs(each, **FLOW_RUN)["items"]] for each in connections]


def test_a_flow_run_of_one_audience_says_what_is_known_of_it() -> None:
    connection_id = created()
    run_of(connection_id)
    (flow_run,) = runs(connection_id, activation_id=UPS_1, **FLOW_RUN)["items"]
    records = flow_run["metrics"]["recordSummary"]
    assert [records[name] for name in ("inputRecordCount", "outputRecordCount", "failedRecordCount")] == [6, 5, 1]
    assert {records[f"{name}RecordCount"] for name in ("created", "updated", "deleted", "warning")} == {None}
    assert [one["id"] for one in records["targetSummaries"][0]["entitySummaries"]] == ["segment:aud-1"]
    assert flow_run["metrics"]["latencySummary"] == {"minMs": None, "maxMs": None, "avgMs": None}


@pytest.mark.parametrize("query", [{}, {"format": "flow-run"}])
def test_the_runs_of_a_deleted_connection_stay_with_its_names(query: dict[str, str]) -> None:
    connection_id = created()
    activated(connection_id, namespace="ups")
    run_of(connection_id)
    before = runs(connection_id, **query)
    assert call("DELETE", f"/connections/{connection_id}").status == 204
    assert call("GET", f"/connections/{connection_id}").status == 404

    after = runs(connection_id, **query)
    if not query:
        assert after["connection"]["name"] == "Webinar leads"
        assert after["connection"]["removed_at"] is not None
        for one in before["runs"][0]["audiences"]:
            one["list"] = None
        assert after["runs"] == before["runs"]
        assert "Webinar, spring" in {one["name"] for one in after["runs"][0]["audiences"]}
        run_id = after["runs"][0]["id"]
        assert call("GET", f"/connections/{connection_id}/runs/{run_id}").json == after["runs"][0]
    assert after.keys() == before.keys()


def test_a_connection_that_never_was_has_no_runs() -> None:
    assert call("GET", "/connections/nobody/runs").status == 404
