"""Files: read when they are uploaded, and carried on every few minutes, until it is known what became of every row.

So are resyncs, which nothing but the schedule carries on.
"""

from collections.abc import Iterator
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.composition.files import carry_files_on, carry_resyncs_on
from destination.files.carrying_on import CarriedOn, Untaken
from destination.files.resyncs import CarriedResync

TIME_TO_END: Final = 30_000
"""Milliseconds: for a part that is stored, and for the result of a file."""

CREATED: Final = "Object Created"
"""What S3 tells EventBridge (Amazon S3, "Using EventBridge")."""

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    counts = {"carried_on": 0, "in_trouble": 0}
    for one in _steps(event, context):
        counts["carried_on" if one.trouble is None else "in_trouble"] += 1
        if isinstance(one, CarriedResync):
            _tell_resync(one)
        elif isinstance(one, Untaken):
            logger.error("object not taken", extra={"connection_id": one.connection_id, "cause": one.trouble})
        else:
            _tell_file(one)
    return counts


def _steps(event: dict[str, Any], context: LambdaContext) -> Iterator[CarriedOn | Untaken | CarriedResync]:
    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > TIME_TO_END

    if event.get("detail-type") == CREATED:
        yield from carry_files_on().object_created(event["detail"]["object"]["key"], has_time)
        return
    yield from carry_resyncs_on()(has_time)
    yield from carry_files_on()(has_time)


def _tell_file(one: CarriedOn) -> None:
    file = one.file
    details = {"connection_id": file.connection_id, "file": file.id, "status": file.status, "rows": file.rows}
    if one.trouble is None:
        logger.info("file carried on", extra={**details, "rejected": file.rejected, "code": file.code})
    else:
        logger.error("file not carried on", extra={**details, "cause": one.trouble})


def _tell_resync(one: CarriedResync) -> None:
    resync = one.resync
    details = {"connection_id": resync.connection_id, "resync": resync.id, "status": resync.status}
    if one.trouble is None:
        logger.info("resync carried on", extra={**details, "holds": resync.holds, "code": resync.code})
    else:
        logger.error("resync not carried on", extra={**details, "cause": one.trouble})
