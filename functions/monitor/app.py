"""The monitor, on a schedule: gauges are read, what was parked is sent back, alerts are evaluated, hours are summed up,
and all this is published.

After that it removes the connections whose deletion has come to its end, and makes the checks that are due. What one
connection cannot have does not keep the others from it; the invocation fails at its end, so that an alarm is raised.
"""

import functools
from collections import Counter
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.api.run_reports import report
from destination.composition import now
from destination.composition.monitor import monitor, settings
from destination.domain.connection import Waiting
from destination.domain.run import Run
from destination.domain.times import parse_time
from destination.domain.verification import Verification
from destination.marketo.reasons import message_of
from destination.monitoring.alerts import Notice
from destination.monitoring.attempts import Attempts
from destination.monitoring.gauges import UNITS, Gauges, measured
from destination.monitoring.monitor import Done
from destination.monitoring.resumption import SentBack
from destination.monitoring.retirement import Retirement
from destination.monitoring.scheduled_checks import Checked
from destination.monitoring.summaries import RunSummary, announcement
from destination.observation import measure

TIME_TO_END = 20_000
"""Milliseconds: for a summary that EventBridge is slow to take, and for what comes after the summaries."""

NOT_REPLACED = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler replaces by the time that a run is due (Amazon EventBridge Scheduler, "Adding context
attributes"), and the emulator of the local stack hands over as it is.
"""

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    time, done = _scheduled_for(event), Counter(sent_back=0, summaries=0, alerts=0, verifications=0, removed=0)
    for one in monitor(_shown)(time, Attempts(_log_trouble), functools.partial(_has_time, context)):
        done.update(_told(one, time))
    return dict(done)


def _scheduled_for(event: dict[str, Any]) -> datetime:
    """The time the schedule meant, so that a late or repeated invocation reports the same hour; else it is now."""
    time = event.get("time", NOT_REPLACED)
    return now() if time == NOT_REPLACED else parse_time(time)


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > TIME_TO_END


def _told(one: Done, time: datetime) -> dict[str, int]:
    """Log what was done, and measure it; what it counts as."""
    match one:
        case Gauges():
            measure(metrics, measured(one), {"stack": settings().stack_name}, UNITS)
        case Notice(connection, state):
            change = {"alert": state.alert.value, "status": state.status.value, "value": state.value}
            logger.warning("alert changed", extra={"connection_id": connection.id, **change})
            return {"alerts": 1}
        case SentBack(connection_id, bundles):
            logger.info("parked messages sent back", extra={"connection_id": connection_id, "bundles": bundles})
            return {"sent_back": bundles}
        case Verification():
            return _told_of_verification(one)
        case RunSummary(connection):
            details = announcement(one, _shown(one.run, time, one.waiting))
            names = {"connection_id": connection.id, "connection_name": connection.name}
            news = {name: count for name, count in one.news.items() if count}
            logger.info("run summary", extra={**names, **details, "news": news})
            return {"summaries": 1}
        case Retirement():
            return _told_of_removal(one)
        case Checked(connection_id, found):
            failing = [each.name.value for each in found.failing]
            logger.info("connection checked", extra={"connection_id": connection_id, "failing": failing})
    return {}


def _told_of_verification(one: Verification) -> dict[str, int]:
    details = {"connection_id": one.connection_id, "verification": one.id}
    if one.requeued_at is not None:
        logger.warning("verification queued again", extra=details)
        return {}
    logger.info("verification requested", extra=details)
    return {"verifications": 1}


def _told_of_removal(one: Retirement) -> dict[str, int]:
    if one.cause is not None:
        logger.error("connection not removed", extra={"connection_id": one.connection_id, "cause": one.cause})
        return {}
    if one.is_gone:
        logger.info("connection removed", extra={"connection_id": one.connection_id})
        return {"removed": 1}
    logger.info("connection removed in part", extra={"connection_id": one.connection_id})
    return {}


def _shown(run: Run, time: datetime, waiting: Waiting | None) -> dict[str, Any]:
    return report(run, time, message_of, waiting)


def _log_trouble(connection_id: str | None, cause: str) -> None:
    logger.error("not monitored", extra={"connection_id": connection_id, "cause": cause})
