"""Census, Custom Destination API: calls in JSON-RPC 2.0, all of them posted to one address.

    test_connection    whether the way is open: a call without records
    get_sync_speed     how fast it may send
    sync_batch         records of one object, each of which is answered a success or not
    list_objects, list_fields, supported_operations    what there is to send to

The webhook answers the first three; at its address below `…/source/` a connection answers all (census_calls.py).

An object is an activated audience, or the people without one. A record is a flat object of fields: a field is the path
of an attribute, with dots, or `identityMap.<namespace>`. Census never sends again what is named a success, so that a
record is one once its event is stored.

Source: Census documentation, "Custom Destination API" (RPC details, error handling); JSON-RPC 2.0 Specification,
sections 4 "Request object" and 5 "Response object".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    RECORD_OF_OTHER_FORMAT,
    RECORD_TOO_LARGE,
    RECORD_UNREADABLE,
    Loss,
)
from destination.domain.problem import Problem
from destination.ingest.admission import SourceRequest
from destination.ingest.reply import Reply
from destination.ingest.source import Handled, SenderLimits, Source
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError, as_object
from destination.ingest.sources.census_calls import CALLS, MAX_BATCH, reply_to
from destination.ingest.sources.census_rpc import (
    IDENTITY,
    INVALID_PARAMS,
    NOT_TAKEN,
    PARSE_ERROR,
    InvalidCallError,
    RpcCall,
    Scalar,
    audience_of,
    error_response,
    named_object,
    scalar,
)
from destination.ingest.sources.record import (
    HALF,
    HALF_MESSAGE,
    MAX_INNER,
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    identifier,
    identities,
    may_hold_halves,
)

MAX_LEVELS: Final = 8
"""How deep the path of a field may lead; profiles are a handful of levels deep. A longer name is no path."""

_STATUSES: Final = {
    "upsert": MembershipStatus.REALIZED,
    "update": MembershipStatus.REALIZED,
    "delete": MembershipStatus.EXITED,
}
"""What the operation of a batch says of an audience. `mirror` is sent as batches of `upsert` and of `delete`."""

_TOLD_BY_RECORD: Final = frozenset({"no-events", "rejected-records"})
"""The refusals of which each record is told by itself."""


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """What the answer needs to know of a call: its id, and the identifiers of its records, as they were sent.

    `reply`: the whole answer, of a call without records or with none that can be told (None: its records are told).
    """

    id: Scalar | None = None
    identifiers: Sequence[object] = ()
    reply: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is said once of all records of a batch."""

    audience: AudienceKey | None
    status: MembershipStatus
    identifier: str

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "_Plan":
        """Raises InvalidCallError."""
        plan = params.get("sync_plan")
        if not isinstance(plan, dict) or not isinstance(params.get("records"), list):
            raise InvalidCallError(INVALID_PARAMS, "params must have a sync_plan and a list of records")
        audience = audience_of(named_object(plan))
        operation = plan.get("operation")
        status = _STATUSES.get(operation) if isinstance(operation, str) else None
        if status is None or (audience is None and status is MembershipStatus.EXITED):
            message = "must be an operation that supported_operations names; people are taken off audiences alone"
            raise InvalidCallError(INVALID_PARAMS, f"params.sync_plan.operation {message}")
        schema = plan.get("schema")
        fields = schema.items() if isinstance(schema, dict) else ()
        for name, field in fields:
            if isinstance(field, dict) and field.get("active_identifier") is True:
                return cls(audience, status, name)
        raise InvalidCallError(INVALID_PARAMS, "params.sync_plan.schema must have a field with active_identifier: true")


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a call: the records of a batch become events, and any other call has none.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when a batch has too many records.
    """
    parsed = Parsed()
    try:
        call = RpcCall.in_body(request.body)
    except InvalidCallError as error:
        _reject_all(parsed, None, [None], RECORD_OF_OTHER_FORMAT, error)
        return parsed
    if call.method == "sync_batch":
        _read_batch(call, request, times, parsed)
    else:
        parsed.note = _Unanswered(call.id, reply=reply_to(call))
    return parsed


def _read_batch(call: RpcCall, request: SourceRequest, times: RecordTimes, parsed: Parsed) -> None:
    batch = call.params.get("records")
    rows: list[object] = batch if isinstance(batch, list) else [None]
    if len(rows) > MAX_RECORDS:
        raise TooManyRecordsError
    try:
        plan = _Plan.of(call.params)
    except InvalidCallError as error:
        _reject_all(parsed, call.id, rows, RECORD_UNREADABLE, error)
        return
    halves = may_hold_halves(request.body)
    for index, row in enumerate(rows):
        losses = parsed.of_record()
        try:
            event = _event(as_object(row), plan, index, times, losses, halves)
        except RecordError as error:
            parsed.reject(index, error.loss, error.problem)
        else:
            parsed.take(index, event, losses)
    parsed.note = _Unanswered(call.id, [_identifier(row, plan) for row in rows])


def _reject_all(
    parsed: Parsed, call_id: Scalar | None, rows: Sequence[object], loss: Loss, error: InvalidCallError
) -> None:
    """What is wrong with the call is wrong with every record of it, and is told once."""
    for index, _ in enumerate(rows):
        parsed.reject(index, loss, Problem("", str(error)))
    parsed.note = _Unanswered(call_id, reply=error_response(call_id, error.code, str(error)))


def _event(
    record: Mapping[str, Any], plan: _Plan, index: int, times: RecordTimes, losses: LeftOut, halves: bool
) -> ProfileEvent:
    _check_identifier(_identifier(record, plan), is_identity=plan.identifier.startswith(IDENTITY))
    received_at = times.of(index)
    fields, known = _at_their_paths(record, losses)
    profile = attributes(fields, "", losses, may_hold_halves=halves)
    found = identities(known, IDENTITY[:-1], losses, iter, "must be a string or a whole number")
    memberships = () if plan.audience is None else (Membership(plan.audience, plan.status, received_at),)
    return ProfileEvent(received_at, profile, found, memberships, received_at)


def _at_their_paths(record: Mapping[str, Any], losses: LeftOut) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The fields of a record where their paths lead, and the identities by namespace.

    Raises RecordError when the paths take more than MAX_INNER objects.
    """
    profile: dict[str, Any] = {}
    known: dict[str, list[Any]] = {}
    made: set[int] = set()
    for name, value in record.items():
        if name.startswith(IDENTITY) and name != IDENTITY:
            if value is not None:
                known[name[len(IDENTITY) :]] = value if isinstance(value, list) else [value]
            continue
        names = name.split(".") if name.count(".") < MAX_LEVELS else [name]
        if not _put(profile, names if all(names) else [name], value, made):
            losses.add(ATTRIBUTE_UNREADABLE, "", "must not lead below another field, or to where one leads", name)
        if len(made) > MAX_INNER:
            message = f"must not have fields with paths of more than {MAX_INNER} objects"
            raise RecordError(RECORD_TOO_LARGE, "", message)
    return profile, known


def _put(profile: dict[str, Any], names: Sequence[str], value: object, made: set[int]) -> bool:
    """Put a value at a path; False where another field is in its way. `made`: the ids of the objects of paths alone."""
    at = profile
    for name in names[:-1]:
        if name not in at:
            at[name] = {}
            made.add(id(at[name]))
        elif id(at[name]) not in made:
            return False
        at = at[name]
    if names[-1] in at:
        return False
    at[names[-1]] = value
    return True


def _answer(handled: Handled) -> Reply:
    """JSON-RPC's response. HTTP's status is 200 wherever the response says what became of the call, or of its records:
    Census shows its users what a response says, and of a status it says nothing.
    """
    note = handled.note if isinstance(handled.note, _Unanswered) else _Unanswered()
    if handled.refused is not None and handled.refused not in _TOLD_BY_RECORD:
        code = PARSE_ERROR if handled.refused == "not-json" else NOT_TAKEN
        return Reply(error_response(note.id, code, handled.detail))
    if note.reply is not None:
        return Reply(note.reply, 200)
    return Reply({"jsonrpc": "2.0", "id": note.id, "result": {"record_results": _results(note, handled)}}, 200)


def _results(note: _Unanswered, handled: Handled) -> list[dict[str, Any]]:
    """What became of each record that can be named; of a body that is refused, no record is taken."""
    rejected = {index: f"{one.path} {one.message}".strip() for index, one in handled.rejected}
    results: list[dict[str, Any]] = []
    for index, sent in enumerate(note.identifiers):
        message = rejected.get(index, handled.detail if handled.refused else None)
        if message is None:
            results.append({"identifier": sent, "success": True})
        elif sent is not None:
            results.append({"identifier": sent, "success": False, "error_message": message})
    return results


def _check_identifier(given: Scalar | None, *, is_identity: bool) -> None:
    """Raises RecordError for a record that cannot be told of, or that is of nobody without what it is told of by."""
    if isinstance(given, str) and HALF.search(given):
        raise RecordError(RECORD_UNREADABLE, "", f"the sync's identifier {HALF_MESSAGE}")
    if given is None or (is_identity and identifier(given) is None):
        message = "the sync's identifier must be a string or a number, and of an identity a whole one"
        raise RecordError(RECORD_UNREADABLE, "", message)


def _identifier(row: object, plan: _Plan) -> Scalar | None:
    return scalar(row.get(plan.identifier)) if isinstance(row, dict) else None


SOURCE: Final = Source(
    name="census",
    label="Census (Fivetran Activations), Custom Destination API",
    read=_read,
    answer=_answer,
    calls=CALLS,
    limits=SenderLimits(
        max_records=MAX_BATCH,
        retries="each record that is not answered a success: by itself, with its batch, with the next sync",
        documented='Census, "Custom Destination API": RPC details, error handling',
    ),
)
