"""The delivery: a batch of the queue's messages to Marketo."""

import gc
import time
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.composition.sync import settings, sync
from destination.delivery.batch import BatchReport
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
    requeued = set(report.requeued)
    for open_message in report.open_messages:
        details = {
            "message_id": open_message.message.id,
            "connection_id": open_message.envelope.connection_id,
            "correlation_id": open_message.envelope.correlation_id,
            "events": len(open_message.envelope.events),
            "receives": open_message.message.receives,
        }
        if open_message.message.id in requeued:
            logger.info("message requeued", extra=details)
        else:
            logger.info("message delivered", extra=details)
    for message_id in requeued - {open_message.message.id for open_message in report.open_messages}:
        logger.info("message requeued", extra={"message_id": message_id})
    for message_id, letter in report.refused.items():
        logger.warning("message refused", extra={"message_id": message_id, "code": letter.code})
    logger.info("batch delivered", extra={"messages": messages, "requeued": len(report.requeued)})
    for connection_id, cause in report.halts.items():
        logger.warning("delivery held up", extra={"connection_id": connection_id, "cause": cause})


def _watch(munchkin_id: str, call: Call) -> None:
    calls.count(call)
    log_call(logger, munchkin_id, call)
