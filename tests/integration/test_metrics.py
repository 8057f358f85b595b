"""What the dashboard, the alarms and the documents say of metrics, against those that the functions emit."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from destination.domain.audience import Activation
from destination.domain.credentials import ClientCredentials
from destination.domain.event import MembershipStatus
from destination.domain.letter import LetterBundle
from destination.domain.times import format_time
from destination.queue import EventQueue, encode_event, pack
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.letters import Letters
from destination.store.parking import Parking
from destination.store.runs import Runs
from destination.store.secrets import Credentials
from functions.ingest import app as ingest
from functions.monitor import app as monitor
from functions.sync import app as sync
from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.aws import SECRETS_PREFIX, Aws, Context, aws, emitted, sqs_batch, webhook_request
from testing.composition import composed
from testing.template import of_type, source
from testing.world import START, audience, connection, event

NAMESPACE = "MarketoDestination"
MONITORING = (Path(__file__).resolve().parents[2] / "docs/monitoring.md").read_text()

WEBHOOK = ("ApiName", "Method", "Resource", "Stage")
KNOWN = {
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName",)),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName",)),
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", ("QueueName",)),
    *(("AWS/DynamoDB", f"{kind}ThrottleEvents", ("TableName",)) for kind in ("Read", "Write")),
    *(
        ("AWS/DynamoDB", f"{kind}ThrottleEvents", ("GlobalSecondaryIndexName", "TableName"))
        for kind in ("Read", "Write")
    ),
    ("AWS/Lambda", "Errors", ("FunctionName",)),
    ("AWS/Lambda", "Throttles", ("FunctionName",)),
    ("AWS/ApiGateway", "Count", WEBHOOK),
    ("AWS/ApiGateway", "Latency", WEBHOOK),
    ("AWS/ApiGateway", "4XXError", WEBHOOK),
    ("AWS/ApiGateway", "5XXError", WEBHOOK),
}
"""Metrics of AWS with their dimensions, by the documents of the services."""

Metric = tuple[str, str, tuple[str, ...]]
"""Namespace (or function), name and dimensions of a metric."""


@pytest.fixture
def stack() -> Iterator[Aws]:
    """One connection with an event in the queue that is delivered, one that is not, one that is parked, a letter, and a
    run of an hour ago.
    """
    seed = {"lists": [{"name": "a", "id": 1001}]}
    with aws() as stack, serve(Simulator(seed=seed)) as server, composed(stack.environment(server.url)):
        given = Credentials(stack.secrets, SECRETS_PREFIX).put("connection-1", ClientCredentials("client", "secret"))
        made = connection(credentials_version=given)
        Connections(stack.dynamodb, "ConnectionsTable").create(made, hashlib.sha256(b"token").hexdigest())
        activation = Activation(audience("a"), "a", list_id=1001)
        Audiences(stack.dynamodb, "ConnectionsTable").put("connection-1", activation)
        people = [event(email, ("a", MembershipStatus.REALIZED)) for email in ("ada@example.org", None)]
        bodies = [body for _, body in pack("connection-1", START, map(encode_event, people), envelope_id="e-1")]
        EventQueue(stack.sqs, stack.queue_url).send("connection-1", bodies)
        letters = LetterBundle("connection-1", "MARKETO_1003", START, START, 1, 2, "0" * 32)
        Letters(stack.s3, stack.bucket).put(letters, ["{}"])
        Parking(stack.s3, stack.bucket).put(letters.redriven, ["{}"])
        yield stack


def metrics_of(function: str, output: str) -> set[Metric]:
    """What a function wrote: of each metric its name and its dimensions."""
    found = set()
    for line in emitted(output):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == NAMESPACE
            for dimensions in directive["Dimensions"]:
                assert all(line[name] for name in dimensions)
                found |= {(function, one["Name"], tuple(sorted(dimensions))) for one in directive["Metrics"]}
    return found


@pytest.fixture
def all_metrics(stack: Aws, capsys: pytest.CaptureFixture[str]) -> set[Metric]:
    """All that the functions emit."""
    run: Mapping[ModuleType, Any] = {
        sync: sqs_batch(stack.receive()),
        ingest: webhook_request("connection-1", '{"id": "1"}', {"Authorization": "Bearer token"}),
        monitor: {"time": format_time(START.replace(hour=START.hour + 1, minute=10))},
    }
    found = set()
    for function, given in run.items():
        function.handler(given, Context())
        found |= metrics_of(function.__name__.split(".")[1], capsys.readouterr().out)
    ingest.handler(webhook_request("connection-1", "{}", {}), Context())
    assert Runs(stack.dynamodb, "RunsTable").get("connection-1", "2026-11-21T10:00Z")
    return found | metrics_of("ingest", capsys.readouterr().out)


def widgets() -> list[dict[str, Any]]:
    """The dashboard's widgets, with the names of resources as they stand in the template."""
    (dashboard,) = of_type(source(), "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"].replace("${OldestEventAlarmSeconds}", "3600")
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def metrics_of_dashboard() -> Iterator[Metric]:
    for widget in widgets():
        for metric in widget["properties"].get("metrics", ()):
            texts = [one for one in metric if isinstance(one, str)]
            if texts:
                namespace, name, *dimensions = texts
                values = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
                yield _of_function(namespace, name, values)
            else:
                expression = metric[0]["expression"]
                named = re.fullmatch(r"SEARCH\('\{(\w+),([\w,]+)\} (.*)', 'Sum', \d+\)", expression)
                assert named, expression
                terms = dict(re.findall(r'(\w+)="([^"]+)"', named[3]))
                values = dict.fromkeys(named[2].split(","), "") | terms
                yield _of_function(named[1], values.pop("MetricName"), values)


def metrics_of_alarms() -> Iterator[Metric]:
    for alarm in of_type(source(), "AWS::CloudWatch::Alarm").values():
        terms = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
        for metric in terms or [alarm]:
            values = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            yield _of_function(metric["Namespace"], metric["MetricName"], values)


def _of_function(namespace: str, name: str, dimensions: Mapping[str, Any]) -> Metric:
    if namespace == NAMESPACE:
        assert dimensions["stack"] in ("${AWS::StackName}", {"Ref": "AWS::StackName"})
        namespace = dimensions["service"]
    return namespace, name, tuple(sorted(dimensions))


def test_the_functions_emit_what_is_documented_and_nothing_else(all_metrics: set[Metric]) -> None:
    rows = re.findall(
        r"^\| (\w+) \| `(\w+)` \| ([^|]+) \| (?:Count|Percent|Milliseconds|Seconds) \|", MONITORING, re.MULTILINE
    )
    documented = {
        (function, name, tuple(sorted(re.findall(r"\w+", dimensions)))) for function, name, dimensions in rows
    }
    assert all_metrics == documented


def test_dashboard_and_alarms_show_metrics_that_are_emitted(all_metrics: set[Metric]) -> None:
    shown = {*metrics_of_dashboard(), *metrics_of_alarms()}
    assert {one for one in shown if not one[0].startswith("AWS/")} <= all_metrics
    assert {one for one in shown if one[0].startswith("AWS/")} <= KNOWN


def test_the_dashboard_shows_all_that_the_functions_emit(all_metrics: set[Metric]) -> None:
    shown = set(metrics_of_dashboard())
    # Persons by class, which are shown by reason.
    by_reason = {("sync", name, ("service", "stack")) for name in ("excluded", "failed")}
    assert all_metrics == (shown & all_metrics) | by_reason


def test_the_dashboard_is_one_of_cloudwatch() -> None:
    columns = 24
    for widget in widgets():
        assert widget["type"] in {"text", "metric"}
        assert widget["x"] + widget["width"] <= columns
        assert widget["type"] == "text" or widget["properties"]["region"] == "${AWS::Region}"
    places = [(one["x"], one["y"]) for one in widgets()]
    assert len(places) == len(set(places))


def test_the_dashboard_names_sections_of_the_runbook() -> None:
    (text,) = (one["properties"]["markdown"] for one in widgets() if one["type"] == "text")
    named = re.findall(r"docs/(\w+)\.md#([\w-]+)", text)
    docs = Path(__file__).resolve().parents[2] / "docs"
    assert len(named) > 5
    for document, section in named:
        headings = re.findall(r"^#+ (.+)$", (docs / f"{document}.md").read_text(), re.MULTILINE)
        assert section in {heading.lower().replace(" ", "-") for heading in headings}
