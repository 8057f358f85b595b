"""The calls of senders that can be told what to call: paths and JSON of this system's own.

GET    status                            {"name", "status"}
GET    audiences                         {"audiences": [audience, …]}
POST   audiences                         {"name", "id"?, "namespace"?} → 201, or 200 where it is there: audience
GET    audiences/{activation_id}         audience
PATCH  audiences/{activation_id}         {"name"} → audience
DELETE audiences/{activation_id}         204
GET    fields                            {"fields": [{"name", "display_name", "type", "length"}, …]}
POST   checks                            events → {"accepted", "rejected", "warnings"}, of which nothing is taken

audience: {"activation_id", "id", "namespace", "name", "list": {"id", "name"} or null}
"""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import ANY_NAMESPACE, Activation
from destination.domain.problem import Problem
from destination.ingest.calls import (
    AudienceDeleted,
    AudienceShown,
    AudiencesShown,
    Call,
    CallError,
    CallForm,
    CallRequest,
    CheckEvents,
    ConfigurationShown,
    ConnectionShown,
    CreateAudience,
    DeleteAudience,
    EventsRead,
    FieldsShown,
    ListAudiences,
    ListFields,
    NotDone,
    Outcome,
    RenameAudience,
    ShowAudience,
    ShowConnection,
)
from destination.ingest.reply import Reply

if TYPE_CHECKING:
    from destination.domain.schema import Field

MAX_PROBLEMS: Final = 500
"""Of rejected records, and of warnings, in the answer to a body that is checked."""

MAX_CALL_BYTES: Final = 100_000
"""Of the body of a call about an audience; names and ids are some hundred characters."""


def _read(asked: CallRequest) -> Call:
    match asked.segments:
        case ("status",):
            return _one_of(asked, {"GET": ShowConnection})
        case ("fields",):
            return _one_of(asked, {"GET": ListFields})
        case ("checks",):
            return _one_of(asked, {"POST": CheckEvents})
        case ("audiences",):
            return _one_of(asked, {"GET": ListAudiences, "POST": lambda: _created(asked)})
        case ("audiences", activation_id):
            return _one_of(
                asked,
                {
                    "GET": lambda: ShowAudience(activation_id),
                    "PATCH": lambda: RenameAudience(activation_id, _texts(asked, {"name"})["name"]),
                    "DELETE": lambda: DeleteAudience(activation_id),
                },
            )
    raise CallError("not-found", "No call has this path.")


def _one_of(asked: CallRequest, calls: Mapping[str, Callable[[], Call]]) -> Call:
    """That of the request's method."""
    if asked.method not in calls:
        raise CallError("method-not-allowed", f"Use {', '.join(calls)}.")
    return calls[asked.method]()


def _created(asked: CallRequest) -> CreateAudience:
    given = _texts(asked, {"name"}, {"id", "namespace"})
    return CreateAudience(given["name"], given.get("id"), given.get("namespace", ANY_NAMESPACE))


def _texts(asked: CallRequest, needed: set[str], others: frozenset[str] | set[str] = frozenset()) -> dict[str, str]:
    """The properties of a body, which are all texts. Raises CallError."""
    given = json_object(asked)
    problems = [Problem(one, "must be given, as a string") for one in sorted(needed - given.keys())]
    for name, value in given.items():
        if name not in needed | others:
            problems.append(Problem(name, f"is not a known property; known are {', '.join(sorted(needed | others))}"))
        elif not isinstance(value, str):
            problems.append(Problem(name, "must be a string"))
    if problems:
        raise CallError("invalid", "Correct the properties that errors names.", problems)
    return given


def json_object(asked: CallRequest) -> dict[str, Any]:
    """The body of a call, which is an object in JSON. Raises CallError."""
    if len(asked.request.body) > MAX_CALL_BYTES:
        raise CallError("invalid", f"The body is larger than {MAX_CALL_BYTES} bytes.")
    try:
        found = json.loads(asked.request.body.decode())
    except (ValueError, RecursionError) as error:
        raise CallError("not-json", "The body must be JSON in UTF-8.") from error
    if not isinstance(found, dict):
        raise CallError("invalid", "The body must be an object.")
    return found


def _answer(_asked: CallRequest, _call: Call | None, outcome: Outcome) -> Reply | None:
    match outcome:
        case AudienceShown(activation, is_new):
            return Reply(_audience(activation), 201 if is_new else 200)
        case AudienceDeleted():
            return Reply(None, 204)
        case NotDone() | ConfigurationShown():
            return None
    return Reply(_found(outcome), 200)


def _found(outcome: AudiencesShown | FieldsShown | ConnectionShown | EventsRead) -> dict[str, Any]:
    match outcome:
        case AudiencesShown(activations):
            return {"audiences": [_audience(one) for one in activations]}
        case FieldsShown(fields):
            return {"fields": [_field(one) for one in fields]}
        case ConnectionShown(name, status):
            return {"name": name, "status": status.value}
        case EventsRead():
            return _events(outcome)


def _audience(activation: Activation) -> dict[str, Any]:
    kept = None if activation.list_id is None else {"id": activation.list_id, "name": activation.list_name}
    return {
        "activation_id": activation.id,
        "id": activation.audience.id,
        "namespace": activation.audience.namespace or None,
        "name": activation.name,
        "list": kept,
    }


def _events(read: EventsRead) -> dict[str, Any]:
    rejected, warnings = (_by_record(one) for one in (read.rejected, read.warnings))
    return {"accepted": read.accepted, "rejected": rejected, "warnings": warnings}


def _by_record(problems: Iterable[tuple[int, Problem]]) -> list[dict[str, Any]]:
    """As the webhook answers them; the first MAX_PROBLEMS."""
    records: dict[int, list[dict[str, str]]] = {}
    for index, one in itertools.islice(problems, MAX_PROBLEMS):
        records.setdefault(index, []).append({"path": one.path, "message": one.message})
    return [{"index": index, "errors": errors} for index, errors in records.items()]


def _field(one: "Field") -> dict[str, Any]:
    shown = one.display_name or one.name
    return {"name": one.name, "display_name": shown, "type": one.data_type, "length": one.length}


PLAIN_CALLS: Final = CallForm(_read, _answer)
