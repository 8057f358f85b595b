"""The monitor, on a schedule: alerts are evaluated, hours are summed up, and who wants to know is told.

After that it removes the connections whose deletion has come to its end. What one connection cannot have does not keep
the others from it; the invocation fails at its end, so that an alarm tells of it.
"""

import functools
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.api.run_reports import report
from destination.control.audit import Recorder
from destination.control.removal import Removal
from destination.control.verifications import ManageVerifications
from destination.domain.audit import SYSTEM
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.outcome import Class
from destination.domain.run import hour_of
from destination.domain.times import parse_time
from destination.marketo.reasons import message_of
from destination.monitoring.alerts import EvaluateAlerts, Notice
from destination.monitoring.attempts import Attempts
from destination.monitoring.retirement import RetireConnections, Retired
from destination.monitoring.summaries import RunSummary, SummariseRuns, announcement
from destination.monitoring.verifications import ScheduleVerifications
from destination.notify import Announcement, Bus, Topic
from destination.queue import EventQueue, depth
from destination.settings import MonitorSettings
from destination.store.alerts import Alerts
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.leases import Leases
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret
from destination.store.summaries import Summaries
from destination.store.verifications import Verifications as StoredVerifications

RUN_SUMMARY = "Run Summary"
COUNTS = ("received", *Class, "ignored", "warnings", "marketo_calls")

OLDEST_METRIC = timedelta(days=13)
"""CloudWatch takes none that is older than two weeks; it counts now instead."""

TIME_TO_END = 20_000
"""Milliseconds: for a summary that EventBridge is slow to take, and for what comes after the summaries."""

logger = Logger()
metrics = Metrics()


@functools.cache
def bus() -> Bus:
    return Bus(boto3.client("events"))


@functools.cache
def monitor() -> SummariseRuns:
    settings = MonitorSettings.from_env()
    dynamodb = boto3.client("dynamodb")
    return SummariseRuns(
        Connections(dynamodb, settings.connections_table),
        Runs(dynamodb, settings.runs_table),
        Summaries(dynamodb, settings.runs_table),
        _tell,
    )


@functools.cache
def watch() -> EvaluateAlerts:
    settings = MonitorSettings.from_env()
    dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
    connections = Connections(dynamodb, settings.connections_table)
    stored = StoredVerifications(dynamodb, settings.runs_table)

    def out_of_sync(connection_id: str) -> int | None:
        return stored.out_of_sync(connection_id, lambda: connections.active(connection_id).activations)

    return EvaluateAlerts(
        connections=connections,
        runs=Runs(dynamodb, settings.runs_table),
        alerts=Alerts(dynamodb, settings.runs_table),
        bus=bus(),
        topic=Topic(boto3.client("sns"), settings.alert_topic_arn),
        today=Leases(dynamodb, settings.connections_table).today,
        dead_letters=lambda: depth(sqs, settings.dead_letter_queue_url),
        is_drained=EventQueue(sqs, settings.queue_url).is_empty,
        out_of_sync=out_of_sync,
    )


@functools.cache
def recorder() -> Recorder:
    return Recorder(
        Audit(boto3.client("dynamodb"), MonitorSettings.from_env().connections_table),
        actor=lambda: SYSTEM,
        new_id=lambda: uuid.uuid4().hex,
        clock=lambda: datetime.now(UTC),
    )


@functools.cache
def verifications() -> ScheduleVerifications:
    settings = MonitorSettings.from_env()
    dynamodb = boto3.client("dynamodb")
    connections = Connections(dynamodb, settings.connections_table)
    requests = ManageVerifications(
        connections=connections,
        stored=StoredVerifications(dynamodb, settings.runs_table),
        queue=EventQueue(boto3.client("sqs"), settings.queue_url),
        record=recorder(),
        new_id=lambda: uuid.uuid4().hex[:8],
        clock=lambda: datetime.now(UTC),
    )
    return ScheduleVerifications(connections, requests)


@functools.cache
def retire() -> RetireConnections:
    settings = MonitorSettings.from_env()
    dynamodb, secretsmanager = boto3.client("dynamodb"), boto3.client("secretsmanager")
    connections = Connections(dynamodb, settings.connections_table)

    def token_of(connection: Connection, credentials: ClientCredentials) -> TokenSecret:
        return TokenSecret(secretsmanager, settings.secrets_prefix, connection.munchkin_id, credentials)

    alerts = Alerts(dynamodb, settings.runs_table)
    removal = Removal(connections, Credentials(secretsmanager, settings.secrets_prefix), alerts, token_of, recorder())
    return RetireConnections(connections, EventQueue(boto3.client("sqs"), settings.queue_url), removal)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    now, attempt = _scheduled_for(event), Attempts(_log_trouble)
    done = Counter(summaries=0, alerts=0, verifications=0, removed=0)
    # Alerts come first: after an outage there may be more hours to sum up than there is time.
    with attempt():
        for notice in watch()(now, attempt):
            _log_change(notice)
            done["alerts"] += 1
    with attempt():
        for verification in verifications()(now, attempt):
            told = {"connection_id": verification.connection_id, "verification": verification.id}
            logger.info("verification requested", extra=told)
            done["verifications"] += 1
    with attempt():
        done["summaries"] = sum(1 for _ in monitor()(now, attempt, functools.partial(_has_time, context)))
    with attempt():
        for retired in retire()(now):
            _log_retired(retired)
            done["removed"] += retired.cause is None
    if attempt.failed:
        raise ExceptionGroup("not everything could be done", attempt.failed)
    return dict(done)


def _log_trouble(connection_id: str | None, cause: str) -> None:
    logger.error("not monitored", extra={"connection_id": connection_id, "cause": cause})


def _log_change(notice: Notice) -> None:
    state = notice.state
    change = {"alert": state.alert.value, "status": state.status.value, "value": state.value}
    logger.warning("alert changed", extra={"connection_id": notice.connection.id, **change})


def _log_retired(retired: Retired) -> None:
    if retired.cause is None:
        logger.info("connection removed", extra={"connection_id": retired.connection_id})
    else:
        logger.error("connection not removed", extra={"connection_id": retired.connection_id, "cause": retired.cause})


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > TIME_TO_END


def _scheduled_for(event: dict[str, Any]) -> datetime:
    """The time the schedule meant, so that a late or repeated invocation reports the same hour."""
    time = event.get("time")
    return parse_time(time) if isinstance(time, str) else datetime.now(UTC)


def _tell(summary: RunSummary, now: datetime) -> None:
    detail = announcement(summary, report(summary.run, now, message_of, summary.connection.waiting))
    bus().put([Announcement(RUN_SUMMARY, detail)])
    connection = summary.connection
    logger.info("run summary", extra={"connection_id": connection.id, "connection_name": connection.name, **detail})
    # In the hour that they belong to: what a correction brings is added to what was there.
    if datetime.now(UTC) - OLDEST_METRIC < (hour := hour_of(summary.run.id)) < datetime.now(UTC):
        metrics.set_timestamp(hour)
    for name in COUNTS:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=summary.news[name])
    metrics.add_dimension(name="connection", value=connection.id)
    # Found by the same name as in all other lines of the log.
    metrics.add_metadata(key="connection_id", value=connection.id)
    metrics.flush_metrics()
