"""The monitor, on a schedule: one structured summary and one set of metrics per connection and hour.

After that it removes the connections whose deletion has come to its end.
"""

import functools
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.domain.audit import SYSTEM
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.outcome import Class
from destination.domain.runs import report
from destination.domain.times import parse_time
from destination.monitor import Monitor, Summary
from destination.queue import EventQueue
from destination.reasons import message_of
from destination.recorder import Recorder
from destination.retire import Removal, Retire
from destination.settings import MonitorSettings
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret

logger = Logger()
metrics = Metrics()


@functools.cache
def monitor() -> Monitor:
    settings = MonitorSettings.from_env()
    dynamodb = boto3.client("dynamodb")
    return Monitor(Connections(dynamodb, settings.connections_table), Runs(dynamodb, settings.runs_table))


@functools.cache
def retire() -> Retire:
    settings = MonitorSettings.from_env()
    dynamodb, secretsmanager = boto3.client("dynamodb"), boto3.client("secretsmanager")
    connections = Connections(dynamodb, settings.connections_table)

    def token_of(connection: Connection, credentials: ClientCredentials) -> TokenSecret:
        return TokenSecret(secretsmanager, settings.secrets_prefix, connection.munchkin_id, credentials)

    record = Recorder(
        Audit(dynamodb, settings.connections_table),
        actor=lambda: SYSTEM,
        new_id=lambda: uuid.uuid4().hex,
        clock=lambda: datetime.now(UTC),
    )
    removal = Removal(connections, Credentials(secretsmanager, settings.secrets_prefix), token_of, record)
    return Retire(connections, EventQueue(boto3.client("sqs"), settings.queue_url), removal)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    now = _scheduled_for(event)
    summaries = list(monitor()(now))
    for summary in summaries:
        _emit(summary, now)
    for retired in retire()(now):
        if retired.cause is None:
            logger.info("connection removed", extra={"connection_id": retired.connection_id})
        else:
            logger.error(
                "connection not removed", extra={"connection_id": retired.connection_id, "cause": retired.cause}
            )
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
            "run": report(summary.run, now, message_of, connection.waiting),
        },
    )
    for name in ("received", *Class, "ignored", "warnings", "marketo_calls"):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=counts[name])
    metrics.add_dimension(name="connection", value=connection.id)
    # Found by the same name as in all other lines of the log.
    metrics.add_metadata(key="connection_id", value=connection.id)
    metrics.flush_metrics()
