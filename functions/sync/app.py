"""The delivery: a batch of the queue's messages to Marketo."""

import functools
import gc
import random
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.delivery.batch import BatchReport, DeliverBatch
from destination.delivery.connection import DeliverConnection
from destination.delivery.metrics import UNITS, Calls, measured, reasons
from destination.delivery.turn import TakeTurn
from destination.delivery.verify_lists import VerifyLists
from destination.domain.connection import Connection, Limits
from destination.domain.pace import PaceState
from destination.domain.pseudonym import pseudonym
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.transport import Call, session
from destination.queue import DeadLetters, EventQueue, batch_response, messages
from destination.settings import SyncSettings
from destination.store.delivering import DeliveringConnections
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret, pseudonym_secret
from destination.store.verifications import Verifications

logger = Logger()
metrics = Metrics()
calls = Calls()
http = functools.cache(session)

# A batch is some hundred thousand objects without cycles that live to its end. With its defaults the collector goes
# through them again and again, for a quarter of the CPU.
gc.freeze()
gc.set_threshold(100_000, 50, 100)


@functools.cache
def sync() -> DeliverBatch:
    settings = SyncSettings.from_env()
    dynamodb, sqs, secrets = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("secretsmanager")
    leases = Leases(dynamodb, settings.connections_table)
    credentials = Credentials(secrets, settings.secrets_prefix)

    @functools.lru_cache(maxsize=256)
    def marketo(connection_id: str, version: int, munchkin_id: str) -> Marketo:
        """Kept per version of the connection, as new credentials come with a new version."""
        own = credentials.get(connection_id)
        return Marketo(
            munchkin_id=munchkin_id,
            credentials=own,
            tokens=TokenSecret(secrets, settings.secrets_prefix, munchkin_id, own),
            http=http(),
            pace=Pace(1, 1),
            url=settings.marketo_url,
            watch=functools.partial(_watch, munchkin_id),
        )

    def instance(connection: Connection) -> Marketo:
        if connection.blocked_cause is not None:
            marketo.cache_clear()  # Perhaps by credentials that were mended since they were read.
        return marketo(connection.id, connection.version, connection.munchkin_id)

    ledger = Ledger(dynamodb, settings.ledger_table, leases=leases, runs=Runs(dynamodb, settings.runs_table))
    verifications = Verifications(dynamodb, settings.runs_table)
    connections = DeliveringConnections(dynamodb, settings.connections_table)
    dead_letters = DeadLetters(sqs, settings.dead_letter_queue_url)
    deliver = DeliverConnection(
        connections=connections,
        ledger=ledger,
        dead_letters=dead_letters,
        clock=_now,
        verify=VerifyLists(verifications, ledger.placed, _now),
        name_of=functools.partial(pseudonym, pseudonym_secret(secrets, settings.pseudonym_secret)),
    )
    turn = TakeTurn(connections, leases, instance, _pace, deliver, _now, time.sleep, random.random)
    return DeliverBatch(connections, EventQueue(sqs, settings.queue_url), dead_letters, turn, _now)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    start = time.monotonic()
    calls.take()  # of an invocation that ended with an exception
    batch = messages(event)
    report = sync()(batch, timedelta(milliseconds=context.get_remaining_time_in_millis()))
    _log(report, len(batch))
    _measure(measured(report, calls.take(), time.monotonic() - start))
    for reason, persons in reasons(report).items():
        _measure({"not_delivered": persons}, reason=reason)
    return batch_response(report.given_back)


def _log(report: BatchReport, messages: int) -> None:
    given_back = set(report.given_back)
    for work in report.works:
        told = {
            "message_id": work.message.id,
            "connection_id": work.envelope.connection_id,
            "correlation_id": work.envelope.correlation_id,
            "events": len(work.envelope.events),
            "receives": work.message.receives,
        }
        if work.message.id in given_back:
            logger.info("message given back", extra=told)
        else:
            logger.info("message delivered", extra=told)
    for message_id in given_back - {work.message.id for work in report.works}:
        logger.info("message given back", extra={"message_id": message_id})
    for message_id, letter in report.refused.items():
        logger.warning("message refused", extra={"message_id": message_id, "code": letter.code})
    logger.info("batch delivered", extra={"messages": messages, "given_back": len(report.given_back)})
    for connection_id, cause in report.halts.items():
        logger.warning("delivery held up", extra={"connection_id": connection_id, "cause": cause})


def _measure(values: Mapping[str, float], **dimensions: str) -> None:
    for name, value in values.items():
        metrics.add_metric(name=name, unit=UNITS.get(name, MetricUnit.Count), value=value)
    for name, dimension in {"stack": SyncSettings.from_env().stack_name, **dimensions}.items():
        metrics.add_dimension(name=name, value=dimension)
    metrics.flush_metrics()


def _watch(munchkin_id: str, call: Call) -> None:
    calls.count(call)
    told = {"munchkin_id": munchkin_id, **asdict(call)}
    if call.code is None:
        logger.debug("marketo call answered", extra=told)
    else:
        logger.info("marketo call refused", extra=told)


def _now() -> datetime:
    return datetime.now(UTC)


def _pace(limits: Limits, state: PaceState, time_left: timedelta) -> Pace:
    return Pace(
        limits.calls_per_20s,
        limits.concurrency,
        daily_calls=limits.daily_calls,
        state=state,
        deadline=time.monotonic() + time_left.total_seconds(),
    )
