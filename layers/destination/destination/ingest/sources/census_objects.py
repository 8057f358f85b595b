"""What Census may send to a connection: the answers to `list_objects`, `list_fields` and `supported_operations`.

Objects are the activated audiences, and the people without one where the connection takes those. Fields are what the
connection reads of a profile: the sources of its mapping, of its consent rule, and of what people are named by. Nothing
of it has to be asked of Marketo.

Source: Census documentation, "Custom Destination API": objects and fields, operations, RPC details.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from destination.domain.audience import ANY_NAMESPACE, DEFAULT_NAMESPACE, AudienceKey
from destination.domain.connection import ActiveConnection, Connection, PersonAction, Scope, SourceType
from destination.domain.connection_rules import identities
from destination.domain.path import Path
from destination.ingest.sources.census_rpc import IDENTITY, LEAD, InvalidCallError, RpcCall, audience_of, object_name

_TYPES: Final[Mapping[SourceType | None, str]] = {
    None: "string",
    SourceType.STRING: "string",
    SourceType.ENUM: "string",
    SourceType.ARRAY: "string",
    SourceType.DATE: "date",
    SourceType.DATE_TIME: "date_time",
    SourceType.BYTE: "integer",
    SourceType.SHORT: "integer",
    SourceType.INTEGER: "integer",
    SourceType.LONG: "integer",
    SourceType.DOUBLE: "float",
    SourceType.BOOLEAN: "boolean",
}
"""Census' types of XDM's; it has none for objects and maps, which cannot be sent."""


def answer_to(call: RpcCall, target: ActiveConnection) -> dict[str, Any] | None:
    """The response to a call about what there is to send to; None for any other call."""
    asked = ASKED.get(call.method)
    if asked is None:
        return None
    try:
        return call.result(asked(call, target))
    except InvalidCallError as error:
        return call.error(error.code, f"params.object {error}")


def _objects(_: RpcCall, target: ActiveConnection) -> dict[str, Any]:
    named = {}
    if target.connection.scope is Scope.ALL_PROFILES:
        named[LEAD] = "People, in no audience"
    for audience, activation in target.activations.items():
        namespace = DEFAULT_NAMESPACE if audience.namespace == ANY_NAMESPACE else audience.namespace
        named[object_name(AudienceKey(namespace, audience.id))] = activation.name
    return {"objects": [{"object_api_name": name, "label": label} for name, label in named.items()]}


def _fields(call: RpcCall, target: ActiveConnection) -> dict[str, Any]:
    audience_of(call.object_name)
    return {"fields": list(_fields_of(target.connection).values())}


def _operations(call: RpcCall, target: ActiveConnection) -> dict[str, Any]:
    """`insert` is none: who is there already would be updated all the same."""
    creates = target.connection.person_action is PersonAction.UPDATE_EXISTING_AND_CREATE_NEW
    changes = "upsert" if creates else "update"
    return {"operations": [changes] if audience_of(call.object_name) is None else ["mirror", changes]}


def _fields_of(connection: Connection) -> dict[str, dict[str, Any]]:
    """By name. What is mapped twice is one field, and an identifier if it is one in either row."""
    found: dict[str, dict[str, Any]] = {}
    for name, kind, is_identifier in _read(connection):
        known = found.get(name)
        if known is None or (is_identifier and not known["identifier"]):
            found[name] = _field(name, kind, is_identifier)
    return found


def _read(connection: Connection) -> Iterator[tuple[str, SourceType | None, bool]]:
    """Names, types, and whether people are found by them, of all that can be the name of a field."""
    wanted = identities(connection)
    for row in connection.mapping:
        name = _name(row.source)
        if name is not None and row.is_exported and row.source_type in _TYPES:
            yield name, row.source_type, row.target in wanted
    for source in (connection.consent and connection.consent.source, connection.person_id):
        name = _name(source) if source else None
        if name is not None:
            yield name, None, False


def _name(source: str) -> str | None:
    """None for a path into an array, below which no field can lie."""
    path = Path.of(source)
    if path.namespace is not None:
        return IDENTITY + path.namespace
    return ".".join(path.names) if path.is_plain else None


def _field(name: str, kind: SourceType | None, is_identifier: bool) -> dict[str, Any]:
    """An identifier is required, and is text, whatever its type: the key of a person is text."""
    return {
        "field_api_name": name,
        "label": name,
        "identifier": is_identifier,
        "required": is_identifier,
        "createable": True,
        "updateable": True,
        "type": "string" if is_identifier else _TYPES[kind],
        "array": kind is SourceType.ARRAY and not is_identifier,
    }


ASKED: Final[Mapping[str, Callable[[RpcCall, ActiveConnection], dict[str, Any]]]] = {
    "list_objects": _objects,
    "list_fields": _fields,
    "supported_operations": _operations,
}
"""By method."""
