"""The delivery: a batch of the queue's messages to Marketo."""

import gc
import time
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.composition.sync import settings, sync
from destination.delivery.batch import BatchReport, MessageEnd
from destination.delivery.carry_imports import told_of
from destination.delivery.metrics import UNITS, Calls, measured, reasons
from destination.marketo.transport import Call
from destination.observation import log_call, measure
from destination.queue import batch_response, messages

logger = Logger()
metrics = Metrics()
calls = Calls()

# A batch is some hundred thousand objects without cycles that live to its end. With its defaults the collector goes
# through them again and again, for a quarter of the CPU.
gc.freeze()
gc.set_threshold(100_000, 50, 100)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    start = time.monotonic()
    calls.take()  # of an invocation that ended with an exception
    batch = messages(event)
    report = sync(_watch)(batch, timedelta(milliseconds=context.get_remaining_time_in_millis()))
    _log(report, len(batch))
    stack = {"stack": settings().stack_name}
    measure(metrics, measured(report, calls.take(), time.monotonic() - start), stack, UNITS)
    for reason, persons in reasons(report).items():
        measure(metrics, {"not_delivered": persons}, {**stack, "reason": reason})
    return batch_response(report.requeued)


def _log(report: BatchReport, messages: int) -> None:
    for one in report.messages:
        details = {
            "message_id": one.message_id,
            "connection_id": one.connection_id,
            "correlation_id": one.correlation_id,
            "events": one.events,
            "receives": one.receives,
        }
        match one.end:
            case MessageEnd.DELIVERED:
                logger.info("message delivered", extra=details)
            case MessageEnd.PARKED:
                logger.info("message parked", extra=details)
            case MessageEnd.REQUEUED:
                logger.info("message requeued", extra=details)
    told = {one.message_id for one in report.messages}
    for message_id in report.requeued:
        if message_id not in told:
            logger.info("message requeued", extra={"message_id": message_id})
    for message_id, letter in report.refused.items():
        logger.warning("message refused", extra={"message_id": message_id, "code": letter.code})
    for ended in report.imports:
        logger.info("import ended", extra=told_of(ended))
    counts = {"messages": messages, "requeued": len(report.requeued), "parked": report.parked}
    logger.info("batch delivered", extra=counts)
    for connection_id, cause in report.halts.items():
        logger.warning("delivery held up", extra={"connection_id": connection_id, "cause": cause})


def _watch(munchkin_id: str, call: Call) -> None:
    calls.count(call)
    log_call(logger, munchkin_id, call)
