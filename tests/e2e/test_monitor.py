"""The monitor as its schedule starts it: a summary of each connection's hour, and alerts."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.system import System, profile

AUDIENCE = "Webinar"


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
    [summary] = [one for one in lines if one.get("message") == "run summary" and is_of(destination.id, one)]
    assert summary["connection"]["status"] == "enabled"
    assert summary["run"]["id"] == run["id"]
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


def is_of(connection_id: str, line: dict[str, Any]) -> bool:
    return bool(line.get("connection_id") == connection_id)
