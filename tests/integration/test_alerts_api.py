"""The calls of the control plane that show alerts and subscribe to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.alert import RULES, Alert, AlertState, AlertStatus, AudiencePart, Evidence, MainReason
from destination.store.alerts import Alerts
from testing.control_plane import call, created, dynamodb, stored

pytestmark = pytest.mark.usefixtures("marketo")

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)


def test_alerts_are_subscribed_by_name_or_with_a_threshold() -> None:
    connection_id = created(alerts=["failure_rate"])
    [one] = call("GET", f"/connections/{connection_id}/alerts").json["alerts"]
    assert (one["alert"], one["threshold"], one["unit"], one["status"]) == ("failure_rate", 0.01, "ratio", None)

    wanted: list[Any] = [{"alert": "delivery_delay", "threshold": 600}, "connection_blocked"]
    answer = call("PUT", f"/connections/{connection_id}/alerts", wanted)

    assert answer.status == 200
    assert answer.headers["ETag"] == '"2"'
    shown = {one["alert"]: one["threshold"] for one in answer.json["alerts"]}
    assert shown == {"delivery_delay": 600, "connection_blocked": 0}
    assert [one.alert for one in stored(connection_id).alerts] == [Alert.DELIVERY_DELAY, Alert.CONNECTION_BLOCKED]
    assert call("PUT", f"/connections/{connection_id}/alerts", [], headers={"If-Match": '"1"'}).status == 412


def test_every_alert_can_be_subscribed_and_says_what_it_means() -> None:
    connection_id = created(alerts=[one.value for one in Alert])
    shown = call("GET", f"/connections/{connection_id}/alerts").json["alerts"]
    assert [(one["alert"], one["threshold"]) for one in shown] == [(one.value, RULES[one].threshold) for one in Alert]
    assert all(one["means"].endswith(".") and one["remedy"] for one in shown)


def test_the_history_is_shown_newest_first_in_pages() -> None:
    connection_id = created(alerts=["failure_rate"])
    alerts = Alerts(dynamodb(), "RunsTable")
    for number in range(1, 6):
        status = AlertStatus.TRIGGERED if number % 2 else AlertStatus.RESOLVED
        since = NOW + timedelta(minutes=5 * number)
        alerts.change(connection_id, AlertState(Alert.FAILURE_RATE, status, since, 0.02, 0.01, number), published=0)

    path = f"/connections/{connection_id}/alerts"
    first = call("GET", path, query={"limit": "3"}).json
    assert first["alerts"][0]["status"] == "triggered"
    assert [one["at"] for one in first["history"]] == [f"2026-11-21T10:{minute}:00Z" for minute in (30, 25, 20)]
    second = call("GET", path, query={"limit": "3", "cursor": first["cursor"]}).json
    assert [one["at"] for one in second["history"]] == [f"2026-11-21T10:{minute}:00Z" for minute in (15, 10)]
    assert second["cursor"] is None


def test_an_alert_shows_what_it_is_based_on_and_what_to_do() -> None:
    connection_id = created(alerts=["failure_rate"])
    evidence = Evidence(
        cause="Failed: 9 of 12 persons.",
        part=9,
        whole=12,
        counted_from=NOW,
        reasons=(MainReason("MARKETO_1003", 9, "Refused."),),
        audiences=(AudiencePart("aud-1", None, "Webinar", 9),),
        remedy="Mend it.",
        begun_at=NOW,
    )
    state = AlertState(Alert.FAILURE_RATE, AlertStatus.TRIGGERED, NOW, 0.75, 0.01, 1, evidence)
    Alerts(dynamodb(), "RunsTable").change(connection_id, state, published=0)

    shown = call("GET", f"/connections/{connection_id}/alerts").json

    [alert], [change] = shown["alerts"], shown["history"]
    for one in (alert, change):
        assert one["cause"] == "Failed: 9 of 12 persons."
        assert one["counts"] == {"part": 9, "whole": 12, "from": "2026-11-21T10:05:00Z"}
        assert one["reasons"] == [{"code": "MARKETO_1003", "count": 9, "message": "Refused."}]
        assert one["audiences"] == [{"id": "aud-1", "namespace": None, "name": "Webinar", "count": 9}]
    assert alert["remedy"] == "Mend it."


@pytest.mark.parametrize(
    ("alerts", "path", "message"),
    [
        (["flow_run_delay"], "alerts[0]", "must be"),
        ([{"alert": "no_events", "threshold": 60}], "alerts[0].threshold", "must be from 3600 to 2,419,200 (seconds)"),
        ([{"alert": "failure_rate", "threshold": 1.5}], "alerts[0].threshold", "must be from 0 to 1.00 (ratio)"),
        ([{"alert": "connection_blocked", "threshold": 1}], "alerts[0].threshold", "leave it out"),
        (["no_events", {"alert": "no_events", "threshold": 7200}], "alerts[1]", "keep one"),
        ([{"alert": "no_events", "limit": 1}], "alerts[0].limit", "leave it out"),
    ],
)
def test_a_subscription_that_breaks_a_rule_is_refused(alerts: list[Any], path: str, message: str) -> None:
    connection_id = created()
    answer = call("PUT", f"/connections/{connection_id}/alerts", alerts)
    assert answer.status == 422
    (found,) = answer.errors.items()
    assert found[0].startswith(path)
    assert message in found[1]
    assert stored(connection_id).alerts == ()


@pytest.mark.parametrize("cursor", ["x", "2026#", "#failure_rate", "2026-11-21T10:05:00Z"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    assert call("GET", f"/connections/{created()}/alerts", query={"cursor": cursor}).status == 422
