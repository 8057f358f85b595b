"""The monitor through its handler: one summary and one set of metrics for each connection and hour."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from destination.domain.outcome import MESSAGES, MISSING_DEDUPE_VALUE
from destination.domain.runs import Run, Tally
from destination.store.connections import Connections
from destination.store.runs import Runs
from functions.monitor import app
from tests.support.aws import Aws, Context, aws, logged
from tests.support.world import connection

COUNTS = Counter(received=9, activated=5, unchanged=1, excluded=2, failed=1, ignored=4, warnings=3, marketo_calls=12)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with aws() as stack:
        for name, value in stack.environment().items():
            monkeypatch.setenv(name, value)
        app.monitor.cache_clear()
        yield stack
        app.monitor.cache_clear()


def store(stack: Aws, *ids: str) -> None:
    for connection_id in ids:
        Connections(stack.dynamodb, "ConnectionsTable").create(connection(id=connection_id), "0f")


def summaries(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [line for line in logged(app.logger, caplog) if line["message"] == "run summary"]


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """The metrics that were printed, by connection."""
    return {metric["connection_id"]: metric for metric in map(json.loads, capsys.readouterr().out.splitlines())}


def test_the_hour_before_the_scheduled_time_is_summed_up(
    stack: Aws, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    store(stack, "c-1", "c-2")
    run = Run("c-1", "2026-11-21T10:00Z", 0, Tally(COUNTS, Counter({MISSING_DEDUPE_VALUE: 2})))
    later = Run("c-1", "2026-11-21T11:00Z", 0, Tally(Counter(received=99)))
    runs = Runs(stack.dynamodb, "RunsTable")
    stack.dynamodb.transact_write_items(TransactItems=[runs.put(run), runs.put(later)])

    assert app.handler({"time": "2026-11-21T11:05:00Z"}, Context()) == {"connections": 2}

    busy, idle = summaries(caplog)
    assert (busy["connection_id"], busy["connection_name"], busy["connection_status"]) == (
        "c-1",
        "Webinar leads",
        "enabled",
    )
    assert (busy["run"]["id"], busy["run"]["status"]) == ("2026-11-21T10:00Z", "completed")
    assert (busy["run"]["received"], busy["run"]["activated"]["persons"]) == (9, 5)
    message = MESSAGES["MISSING_DEDUPE_VALUE"]
    assert busy["run"]["reasons"] == [
        {"code": "MISSING_DEDUPE_VALUE", "class": "excluded", "count": 2, "message": message, "example": None}
    ]
    assert (idle["connection_id"], idle["run"]["id"], idle["run"]["received"]) == ("c-2", "2026-11-21T10:00Z", 0)

    emitted = metrics(capsys)
    assert emitted.keys() == {"c-1", "c-2"}
    assert {name: value for name, (value,) in _values(emitted["c-1"]).items()} == COUNTS
    assert set(_values(emitted["c-2"])) == set(COUNTS)
    for connection_id, metric in emitted.items():
        (published,) = metric["_aws"]["CloudWatchMetrics"]
        assert published["Namespace"] == "MarketoDestination"
        assert [sorted(names) for names in published["Dimensions"]] == [["connection", "service"]]
        assert metric["connection"] == connection_id


def test_every_page_of_connections_is_read(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    ids = [f"c-{number}" for number in range(51)]
    store(stack, *ids)
    assert app.handler({"time": "2026-11-21T11:05:00Z"}, Context()) == {"connections": 51}
    assert sorted(line["connection_id"] for line in summaries(caplog)) == sorted(ids)


def test_without_connections_there_is_nothing_to_say(stack: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.handler({}, Context()) == {"connections": 0}
    assert metrics(capsys) == {}


def _values(metric: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metric.items() if isinstance(value, list)}
