"""The calls for a first look: how all connections are, and who asks."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.alert import Alert, AlertState, AlertStatus
from destination.domain.letter import LetterBundle
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.run import Run, Tally, run_id
from destination.store.alerts import Alerts
from destination.store.letters import Letters
from destination.store.parking import Parking
from destination.store.runs import Runs
from functions.connections import parameters
from testing.control_plane import OPERATOR, activated, call, created, delivering, dynamodb, s3

pytestmark = pytest.mark.usefixtures("marketo")

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


def test_the_overview_has_every_connection_as_its_own_calls_show_it() -> None:
    troubled, calm = created(name="Webinar leads", alerts=["letters"]), created(name="Trial users")
    activated(troubled)
    assert call("POST", f"/connections/{troubled}/enable").status == 200
    delivering().block(troubled, "610: no access to the list Webinar", NOW)
    Parking(s3(), "bucket").put(Bundle(troubled, WaitsFor.BLOCKED, NOW, NOW - HOUR, 7, 2, "0" * 32), ["{}"])
    Letters(s3(), "bucket").put(LetterBundle(troubled, "MARKETO_1003", NOW, NOW - HOUR, 2, 2, "0" * 32), ["{}"])
    state = AlertState(Alert.LETTERS, AlertStatus.TRIGGERED, NOW, 2.0, 0.0, 1)
    Alerts(dynamodb(), "RunsTable").change(troubled, state, published=0)
    run = Run(troubled, run_id(NOW), tally=Tally(Counter(received=9, activated=7, failed=2)))
    dynamodb().transact_write_items(TransactItems=[Runs(dynamodb(), "RunsTable").put(run, NOW)])

    answer = call("GET", "/overview")

    assert answer.status == 200
    shown = {one["id"]: one for one in answer.json["connections"]}
    assert {name: one["name"] for name, one in shown.items()} == {troubled: "Webinar leads", calm: "Trial users"}
    assert (shown[troubled]["status"], shown[calm]["status"]) == ("blocked", "draft")
    assert shown[troubled]["parking"] == call("GET", f"/connections/{troubled}/parking").json
    assert shown[calm]["parking"]["hold"]["cause"] == "the connection is draft"
    assert (shown[troubled]["letters"]["events"], shown[calm]["letters"]["events"]) == (2, 0)
    assert (shown[troubled]["last_day"]["received"], shown[troubled]["last_day"]["failed"]) == (9, 2)
    assert [one["alert"] for one in shown[troubled]["alerts"]] == ["letters"]
    assert shown[calm]["alerts"] == []


def test_an_overview_that_no_answer_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    created()
    monkeypatch.setattr(parameters, "MAX_ANSWER_BYTES", 100)
    answer = call("GET", "/overview")
    assert answer.status == 413
    assert "one by one" in answer.json["detail"]


def test_callers_are_told_who_they_are() -> None:
    assert call("GET", "/me").json == {
        "caller": OPERATOR,
        "kind": "role",
        "name": "Operators",
        "shows_policies": "aws iam list-attached-role-policies --role-name Operators",
    }
    local = {"caller": "local", "kind": "local", "name": None, "shows_policies": None}
    assert call("GET", "/me", caller=None).json == local
