"""The JSON Schema of the files that `destination apply` takes, for editors (JSON Schema, draft 2020-12)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination_client.naming import CONNECTION_ID
from destination_client.wanted import IDENTIFYING

Schema = dict[str, Any]

_FINDING: Final = tuple(name for name in IDENTIFYING if name != "id")
_ENTRIES: Final = frozenset({"MappingRowBody", "SubscriptionIn"})
"""What stands in lists, which a file gives as a whole; of other objects it may give some properties only."""

_REFERENCE: Final[Schema] = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
_STRING_RULES: Final = frozenset({"pattern", "format", "enum", "const"})

_SECRET: Final[Schema] = {
    "type": "string",
    "pattern": r"(^|[^$])\$\{[A-Za-z_][A-Za-z0-9_]*\}",
    "description": "A reference, as ${MARKETO_CLIENT_SECRET}: a secret does not belong in a file.",
    "examples": ["${MARKETO_CLIENT_SECRET}"],
}
_SAID: Final = frozenset({"title", "description", "default", "examples"})

_OWN: Final[Schema] = {
    "id": {
        "type": "string",
        "anyOf": [{"pattern": f"^{CONNECTION_ID.pattern}$"}, {"pattern": _REFERENCE["pattern"]}],
        "description": "The connection's id; without it, name and munchkin_id find it.",
    },
    "enabled": {"type": "boolean", "description": "Whether it is enabled; left out: it stays as it is."},
    "audiences": {
        "type": "array",
        "items": {"$ref": "#/$defs/AudienceIn"},
        "description": "The activated audiences. Those that are not named stay, unless --prune is given.",
    },
}


def schema() -> Schema:
    """One document of a file: the properties of a connection, its audiences, and whether it is enabled.

    Strings may name environment variables, where a value has to have a form too; null sets a property back to its
    default; of a connection that is there a file may name some properties only.
    """
    refs, made = models_json_schema([(ConnectionIn, "validation"), (AudienceIn, "validation")])
    definitions: dict[str, Schema] = {
        name: _lenient(one, required=name in _ENTRIES) for name, one in made["$defs"].items()
    }
    definitions["AudienceIn"]["required"] = ["id"]
    definitions["CredentialsIn"]["properties"]["client_secret"] = _SECRET
    connection = definitions.pop(refs[ConnectionIn, "validation"]["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Connection",
        "description": "A connection as `destination apply` takes it.",
        "type": "object",
        "additionalProperties": False,
        "properties": {**_OWN, **connection["properties"]},
        "anyOf": [{"required": ["id"]}, {"required": [*_FINDING]}],
        "$defs": definitions,
    }


def _lenient(definition: Mapping[str, Any], *, required: bool) -> Schema:
    """With references to the environment in place of values, and null in place of what is left out."""
    made = dict(definition)
    if "enum" in made:
        return {"anyOf": [made, _REFERENCE]}
    needed = set(made.get("required", ()))
    if not required:
        made.pop("required", None)
    if "properties" in made:
        made["properties"] = {
            name: _or_null(_or_reference(one)) if name not in needed else _or_reference(one)
            for name, one in made["properties"].items()
        }
    return made


def _or_null(schema: Schema) -> Schema:
    if any(one == {"type": "null"} for one in schema.get("anyOf", ())):
        return schema
    rule, beside = _parted(schema)
    return {"anyOf": [rule, {"type": "null"}], **beside}


def _or_reference(schema: Schema) -> Schema:
    """With a reference allowed wherever a string has a rule that a reference would break."""
    if "items" in schema:
        return {**schema, "items": _or_reference(schema["items"])}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*_flat(_or_reference(one) for one in schema["anyOf"])]}
    if schema.get("type") == "string" and _STRING_RULES & schema.keys():
        rule, beside = _parted(schema)
        return {"anyOf": [rule, _REFERENCE], **beside}
    return schema


def _parted(schema: Schema) -> tuple[Schema, Schema]:
    """What it demands, and what it says beside."""
    beside = {name: one for name, one in schema.items() if name in _SAID}
    return {name: one for name, one in schema.items() if name not in _SAID}, beside


def _flat(schemas: Iterator[Schema]) -> Iterator[Schema]:
    for one in schemas:
        if one.keys() == {"anyOf"}:
            yield from one["anyOf"]
        else:
            yield one
