"""What Adobe calls for a card that asks for fields, or tells of its audiences, below `…/source/`.

    GET    fields                                → a JSON Schema with a property for each field
    POST   audiences           {"id", "name"}    → {"id"}: Adobe keeps it as the alias of the audience
    PUT    audiences/{alias}   {"id", "name"}    → {"id"}
    DELETE audiences/{alias}                     → 204

The alias is the activation id, which can stand in an address as it is. Audiences are activated in any namespace, for
these calls do not say one. What is not done has a `detail`, which Adobe shows to whoever maps or activates.

Source: Experience Platform documentation, Destination SDK, "Partner schema configuration" (dynamic schemas) and
"Audience metadata management" (create, update, delete; responseErrorFields).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from destination.domain.problem import Problem
from destination.ingest.calls import (
    AudienceDeleted,
    AudienceShown,
    Call,
    CallError,
    CallForm,
    CallRequest,
    CreateAudience,
    DeleteAudience,
    FieldsShown,
    ListFields,
    NotDone,
    Outcome,
    RenameAudience,
)
from destination.ingest.plain_calls import json_object
from destination.ingest.reply import Reply

if TYPE_CHECKING:
    from destination.domain.schema import Field

_METHODS: Final[Mapping[str, str]] = {"fields": "GET", "audiences": "POST"}
_OF_ONE: Final = "PUT, DELETE"


def _read(asked: CallRequest) -> Call:
    match asked.method, *asked.segments:
        case "GET", "fields":
            return ListFields()
        case "POST", "audiences":
            given = _texts(asked, "id", "name")
            return CreateAudience(given["name"], given["id"])
        case "PUT", "audiences", alias:
            return RenameAudience(alias, _texts(asked, "name")["name"])
        case "DELETE", "audiences", alias:
            return DeleteAudience(alias)
        case _, ("fields" | "audiences") as name:
            raise CallError("method-not-allowed", f"Use {_METHODS[name]}.")
        case _, "audiences", _:
            raise CallError("method-not-allowed", f"Use {_OF_ONE}.")
    raise CallError("not-found", "A card calls source/fields, source/audiences and source/audiences/{alias}.")


def _texts(asked: CallRequest, *names: str) -> dict[str, str]:
    """Properties of the body that must be there; others say nothing. Raises CallError."""
    given = json_object(asked)
    found = {name: given[name] for name in names if isinstance(given.get(name), str)}
    if len(found) < len(names):
        problems = [Problem(name, "must be given, as a string") for name in names if name not in found]
        raise CallError("invalid", "The body lacks a property.", problems)
    return found


def _answer(_asked: CallRequest, _call: Call | None, outcome: Outcome) -> Reply | None:
    match outcome:
        case AudienceShown(activation, is_new):
            return Reply({"id": activation.id}, 201 if is_new else 200)
        case AudienceDeleted():
            return Reply(None, 204)
        case FieldsShown(fields):
            return Reply(_schema(fields), 200)
        case NotDone(detail=detail, problems=problems) if problems:
            return Reply({"detail": f"{detail} {'; '.join(f'{one.path}: {one.message}' for one in problems)}"})
    return None


def _schema(fields: "tuple[Field, ...]") -> dict[str, Any]:
    """All are text, as those that the card lists: what a field can take is decided where values are delivered."""
    return {"type": "object", "properties": {one.name: _property(one) for one in fields}}


def _property(field: "Field") -> dict[str, str]:
    return {
        "title": field.display_name or field.name,
        "description": f"Marketo's field {field.name} ({field.data_type}).",
        "type": "string",
    }


CALLS: Final = CallForm(_read, _answer)
