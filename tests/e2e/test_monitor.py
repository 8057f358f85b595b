"""The monitor as its schedule starts it: a summary of each connection's hour, and alerts."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.system import System, profile, wait_for

AUDIENCE = "Webinar"
SCHEDULED_SECONDS = 120.0
"""A minute, ten seconds until the emulator looks, and what the run takes, on a machine that does much else; twice where
a run was under way already."""


def test_each_connection_gets_a_summary_and_alerts(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE, alerts=["activation_skipped_rate"])
    complete = [profile(f"ada{number}@example.org", AUDIENCE) for number in range(9)]
    destination.post([*complete, profile("incomplete@example.org", AUDIENCE, person={})])
    destination.accounted(10)
    [run] = destination.runs()

    began = time.time()
    hour_after = datetime.strptime(run["id"], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC) + timedelta(hours=1, minutes=5)
    answer = system.aws("lambda").invoke(
        FunctionName=system.stack.functions["monitor"], Payload=json.dumps({"time": hour_after.isoformat()})
    )
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"])["summaries"] >= 1

    lines = [json.loads(line) for line in system.log("monitor", began) if line.startswith("{")]
    # By its schedule it sums up the hour before meanwhile.
    summaries = [one for one in lines if one.get("message") == "run summary" and is_of(destination.id, one)]
    [summary] = [one for one in summaries if one["run"]["id"] == run["id"]]
    assert summary["connection"]["status"] == "enabled"
    assert (summary["run"]["received"], summary["run"]["activated"]["persons"], summary["run"]["excluded"]) == (
        10,
        9,
        1,
    )
    assert [reason["code"] for reason in summary["run"]["reasons"]] == ["MISSING_REQUIRED_ATTRIBUTE"]

    assert summary["news"].items() >= {"received": 10, "activated": 9, "excluded": 1}.items()
    assert not {"unchanged", "failed"} & summary["news"].keys()

    alerts = system.call("GET", f"/connections/{destination.id}/alerts")
    [change] = alerts["history"]
    assert (change["alert"], change["status"], change["value"]) == ("activation_skipped_rate", "triggered", 0.1)
    assert [one["status"] for one in alerts["alerts"]] == ["triggered"]


def test_the_schedule_runs_it(system: System) -> None:
    """Nobody starts it here: an alert is evaluated, and gauges are read, within the minute of the local stack."""
    destination = system.connect(system.instance(), AUDIENCE, alerts=["activation_skipped_rate"])
    complete = [profile(f"eve{number}@example.org", AUDIENCE) for number in range(9)]
    destination.post([*complete, profile("incomplete@example.org", AUDIENCE, person={})])
    destination.accounted(10)

    began, looked = time.time(), 0

    def triggered() -> list[dict[str, Any]] | None:
        """Asked after each run alone."""
        nonlocal looked
        runs = len(gauges(system, began))
        if runs == looked:
            return None
        looked = runs
        history: list[dict[str, Any]] = system.call("GET", f"/connections/{destination.id}/alerts")["history"]
        return history or None

    [change] = wait_for(triggered, SCHEDULED_SECONDS, "a run of the monitor by its schedule")
    assert (change["alert"], change["status"], change["value"]) == ("activation_skipped_rate", "triggered", 0.1)
    newest = gauges(system, began)[-1]
    assert newest["stack"] == system.stack.secrets_prefix
    assert newest["service"] == "monitor"


def gauges(system: System, since: float) -> list[dict[str, Any]]:
    """The lines with which the runs of the monitor told how long events wait."""
    lines = (json.loads(line) for line in system.log("monitor", since) if line.startswith("{"))
    return [line for line in lines if "oldest_event" in line]


def is_of(connection_id: str, line: dict[str, Any]) -> bool:
    return bool(line.get("connection_id") == connection_id)
