"""The delivery: a batch of the queue's messages to Marketo."""

import functools
import gc
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.domain.connection import Connection, Limits
from destination.domain.pace import PaceState
from destination.domain.pseudonym import pseudonym
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.transport import session
from destination.queue import DeadLetters, EventQueue, batch_response, messages
from destination.settings import SyncSettings
from destination.store.connections import Connections
from destination.store.lease import Leases
from destination.store.ledger import Ledger
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret, pseudonym_secret
from destination.store.verifications import Verifications
from destination.sync import Sync
from destination.verify import Verify

logger = Logger()
http = functools.cache(session)

# A batch is some hundred thousand objects without cycles that live to its end. With its defaults the collector goes
# through them again and again, for a quarter of the CPU.
gc.freeze()
gc.set_threshold(100_000, 50, 100)


@functools.cache
def sync() -> Sync:
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
        )

    def instance(connection: Connection) -> Marketo:
        if connection.blocked_cause is not None:
            marketo.cache_clear()  # Perhaps by credentials that were mended since they were read.
        return marketo(connection.id, connection.version, connection.munchkin_id)

    ledger = Ledger(dynamodb, settings.ledger_table, leases=leases, runs=Runs(dynamodb, settings.runs_table))
    verifications = Verifications(dynamodb, settings.runs_table)
    return Sync(
        connections=Connections(dynamodb, settings.connections_table),
        leases=leases,
        ledger=ledger,
        queue=EventQueue(sqs, settings.queue_url),
        dead_letters=DeadLetters(sqs, settings.dead_letter_queue_url),
        marketo=instance,
        pace=_pace,
        clock=_now,
        verify=Verify(verifications, ledger.placed, _now),
        sleep=time.sleep,
        chance=random.random,
        name_of=functools.partial(pseudonym, pseudonym_secret(secrets, settings.pseudonym_secret)),
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    batch = messages(event)
    report = sync()(batch, timedelta(milliseconds=context.get_remaining_time_in_millis()))
    logger.info("batch delivered", extra={"messages": len(batch), "given_back": len(report.given_back)})
    for connection_id, cause in report.halts.items():
        logger.warning("delivery held up", extra={"connection_id": connection_id, "cause": cause})
    return batch_response(report.given_back)


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
