"""The monitor, on a schedule: one structured summary and one set of metrics per connection and hour."""

import functools
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.domain.outcome import Class
from destination.domain.runs import report
from destination.domain.times import parse_time
from destination.monitor import Monitor, Summary
from destination.reasons import message_of
from destination.settings import MonitorSettings
from destination.store.connections import Connections
from destination.store.runs import Runs

logger = Logger()
metrics = Metrics()


@functools.cache
def monitor() -> Monitor:
    settings = MonitorSettings.from_env()
    dynamodb = boto3.client("dynamodb")
    return Monitor(Connections(dynamodb, settings.connections_table), Runs(dynamodb, settings.runs_table))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    now = _scheduled_for(event)
    summaries = list(monitor()(now))
    for summary in summaries:
        _emit(summary, now)
    return {"connections": len(summaries)}


def _scheduled_for(event: dict[str, Any]) -> datetime:
    """The time the schedule meant, so that a late or repeated invocation reports the same hour."""
    time = event.get("time")
    return parse_time(time) if isinstance(time, str) else datetime.now(UTC)


def _emit(summary: Summary, now: datetime) -> None:
    connection, counts = summary.connection, summary.run.tally.counts
    logger.info(
        "run summary",
        extra={
            "connection_id": connection.id,
            "connection_name": connection.name,
            "connection_status": connection.status.value,
            "run": report(summary.run, now, message_of),
        },
    )
    for name in ("received", *Class, "ignored", "warnings", "marketo_calls"):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=counts[name])
    metrics.add_dimension(name="connection", value=connection.id)
    # Found by the same name as in all other lines of the log.
    metrics.add_metadata(key="connection_id", value=connection.id)
    metrics.flush_metrics()
