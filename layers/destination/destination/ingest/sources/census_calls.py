"""What Census calls at its one address below `…/source/`: `rpc`, with every method that there is.

`sync_batch` is taken as at the webhook, and answered the same.

Source: Census documentation, "Custom Destination API": RPC details.
"""

from collections.abc import Mapping
from typing import Any, Final

from destination.domain.connection import OPEN
from destination.ingest.calls import (
    AnswerAtOnce,
    Call,
    CallError,
    CallForm,
    CallRequest,
    ConfigurationShown,
    ConnectionShown,
    EventsRead,
    NotDone,
    Outcome,
    ShowConfiguration,
    ShowConnection,
    TakeEvents,
)
from destination.ingest.reply import Reply
from destination.ingest.sources.body import TooManyRecordsError, UnreadableBodyError
from destination.ingest.sources.census_objects import ASKED, answer_to
from destination.ingest.sources.census_rpc import (
    METHOD_NOT_FOUND,
    NOT_TAKEN,
    PARSE_ERROR,
    InvalidCallError,
    RpcCall,
    error_response,
)

PATH: Final = "rpc"

MAX_BATCH: Final = 1_000
"""Records of a batch: they fit into a body with 6 kB each."""

_SPEED: Final = {
    "maximum_batch_size": MAX_BATCH,
    "maximum_parallel_batches": 5,
    "maximum_records_per_second": 1_000,
}
"""Of what the queue takes, which is more than Marketo does: what is faster than Marketo waits in the queue."""


def reply_to(call: RpcCall) -> Mapping[str, Any]:
    """The answer to a call without records, as far as it takes nothing but the call to give it."""
    if call.method == "test_connection":
        return call.result({"success": True})
    if call.method == "get_sync_speed":
        return call.result(_SPEED)
    return call.error(METHOD_NOT_FOUND, "there is no such method at this address")


def _read(asked: CallRequest) -> Call:
    if asked.segments != (PATH,):
        raise CallError("not-found", f"Census calls one address, which ends in /source/{PATH}.")
    if asked.method != "POST":
        raise CallError("method-not-allowed", "Use POST.")
    try:
        call = RpcCall.in_body(asked.request.body)
    except (UnreadableBodyError, TooManyRecordsError) as error:
        raise CallError("not-json", "The body must be one call in JSON-RPC, in UTF-8.") from error
    except InvalidCallError as error:
        return AnswerAtOnce(Reply(error_response(None, error.code, str(error)), 200))
    if call.method == "sync_batch":
        return TakeEvents()
    if call.method == "test_connection":
        return ShowConnection()
    return ShowConfiguration() if call.method in ASKED else AnswerAtOnce(Reply(reply_to(call), 200))


def _answer(asked: CallRequest, call: Call | None, outcome: Outcome) -> Reply | None:
    """JSON-RPC's response; its id is known where the call was read."""
    if isinstance(outcome, EventsRead):
        return outcome.reply
    if isinstance(outcome, NotDone):
        return _refused(asked, call, outcome)
    known = RpcCall.in_body(asked.request.body)
    if isinstance(outcome, ConnectionShown) and outcome.status not in OPEN:
        return Reply(known.error(NOT_TAKEN, f"The connection is {outcome.status}; enable it before sending."), 200)
    shown = answer_to(known, outcome.active) if isinstance(outcome, ConfigurationShown) else reply_to(known)
    return Reply(shown, 200)


def _refused(asked: CallRequest, call: Call | None, refused: NotDone) -> Reply:
    if refused.reply is not None:
        return refused.reply
    code = PARSE_ERROR if refused.kind == "not-json" else NOT_TAKEN
    known = None if call is None else RpcCall.in_body(asked.request.body).id
    return Reply(error_response(known, code, refused.detail))


CALLS: Final = CallForm(_read, _answer)
