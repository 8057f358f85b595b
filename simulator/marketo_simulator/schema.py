"""The lead fields as the schema calls show, make and change them (Marketo REST, Leads, "Query Fields" and after it)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from marketo_simulator.context import Context
from marketo_simulator.errors import CallError
from marketo_simulator.field_notes import FieldNote
from marketo_simulator.fields import Field
from marketo_simulator.message import Response
from marketo_simulator.standard_fields import standard_fields

STANDARD: Final = "Read-Write Schema Standard Field"
CUSTOM: Final = "Read-Write Schema Custom Field"
MAX_CREATED: Final = 100
"""Fields that can be made by this call in all."""
CREATED_TYPES: Final = frozenset(
    {
        "boolean",
        "currency",
        "date",
        "datetime",
        "email",
        "float",
        "integer",
        "percent",
        "phone",
        "score",
        "string",
        "url",
    }
)

_STANDARD_NAMES: Final = frozenset(field.name for field in standard_fields())
_NAME: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_DISPLAY_NAME: Final = re.compile(r"\w[\w ]*")
_FLAGS: Final = ("isHidden", "isHtmlEncodingInEmail", "isSensitive")


def browse(context: Context) -> Response:
    """GET /rest/v1/leads/schema/fields.json, paged. Raises CallError 603, 1001 or 1003."""
    _need(context, STANDARD, CUSTOM)
    fields = [field for field in context.state.schema if field.rest]
    page, token = context.page(range(1, len(fields) + 1))
    return context.lead_answer([_shown(context, fields[number - 1]) for number in page], token, says_more=True)


def by_name(context: Context) -> Response:
    """GET /rest/v1/leads/schema/fields/{name}.json. Raises CallError 603 or 1006."""
    _need(context, STANDARD, CUSTOM)
    return context.lead_answer([_shown(context, _field(context))])


def create(context: Context) -> Response:
    """POST /rest/v1/leads/schema/fields.json: all the fields, or none of them.

    Raises CallError 609, 612, 1002, 1003 or 1017.
    """
    records = _records(context)
    notes = context.state.field_notes
    if len(records) + sum(note.is_api_created for note in notes.values()) > MAX_CREATED:
        raise CallError("1003", f"Number of fields exceeds the limit of {MAX_CREATED}")
    made = [_made(context, record) for record in records]
    for names in ([field.name for field, _ in made], [field.display_name for field, _ in made]):
        if len(set(names)) < len(names):
            raise CallError("1003", "Two of the fields have one name")
    for field, note in made:
        context.state.add_field(field)
        notes[_field(context, field.name).id] = note
    return context.lead_answer([{"name": field.name, "status": "created"} for field, _ in made])


def update(context: Context) -> Response:
    """POST /rest/v1/leads/schema/fields/{name}.json: one field; a standard one keeps its name and is not hidden.

    Raises CallError 603, 609, 612, 1002, 1003 or 1006.
    """
    field = _field(context)
    is_custom = field.name not in _STANDARD_NAMES
    _need(context, CUSTOM if is_custom else STANDARD)
    records = _records(context)
    if len(records) != 1:
        raise CallError("1003", "Exactly one field can be updated")
    record, note = records[0], _note(context, field)
    allowed = {"description", "isHtmlEncodingInEmail", "isSensitive"}
    allowed |= {"displayName"} if is_custom else set()
    allowed |= {"isHidden"} if note.is_api_created else set()
    if refused := sorted(record.keys() - allowed):
        raise CallError("1003", f"'{refused[0]}' of field '{field.name}' cannot be updated")
    noted = _noted(note, record)
    display_name = _display_name(context, record, field.name) if "displayName" in record else field.display_name
    changed = replace(field, display_name=display_name, hidden=_flag(record, "isHidden", present=field.hidden))
    if changed != field:
        context.state.add_field(changed)
    context.state.field_notes[field.id] = noted
    return context.lead_answer([{"name": field.name, "status": "updated"}])


def _need(context: Context, *permissions: str) -> None:
    if not any(context.client.may(permission) for permission in permissions):
        raise CallError("603")


def _field(context: Context, name: str = "") -> Field:
    """The field that the path names; hidden ones are known here. Raises CallError 1006."""
    name = name or context.names[0]
    field = context.state.schema.named(name)
    if field is None or not field.rest:
        raise CallError("1006", f"Field '{name}' not found")
    return field


def _note(context: Context, field: Field) -> FieldNote:
    return context.state.field_notes.get(field.id) or FieldNote()


def _shown(context: Context, field: Field) -> dict[str, object]:
    note = _note(context, field)
    return {
        "displayName": field.display_name,
        "name": field.name,
        "description": note.description,
        "dataType": field.data_type,
        **({} if field.max_length is None else {"length": field.max_length}),
        "isHidden": field.hidden,
        "isHtmlEncodingInEmail": note.is_html_encoding_in_email,
        "isSensitive": note.is_sensitive,
        "isCustom": field.name not in _STANDARD_NAMES,
        "isApiCreated": note.is_api_created,
    }


def _records(context: Context) -> list[Mapping[str, object]]:
    records = context.input(context.content())
    objects: list[Mapping[str, object]] = [record for record in records if isinstance(record, dict)]
    if len(objects) < len(records):
        raise CallError("1003", "Invalid value for input, an array of objects is expected")
    return objects


def _made(context: Context, record: Mapping[str, object]) -> tuple[Field, FieldNote]:
    """The field that a record describes. Raises CallError 1002, 1003 or 1017."""
    for name in ("displayName", "name", "dataType"):
        if not record.get(name):
            raise CallError("1002", f"Missing value for required parameter '{name}'")
    if unknown := sorted(record.keys() - {"displayName", "name", "dataType", "description", *_FLAGS}):
        raise CallError("1003", f"Invalid property '{unknown[0]}' of a field")
    own, data_type = record["name"], record["dataType"]
    if not isinstance(own, str) or not _NAME.fullmatch(own):
        raise CallError("1003", "Invalid value for name: a letter, then letters, digits and underscores")
    if not isinstance(data_type, str) or data_type not in CREATED_TYPES:
        raise CallError("1003", f"Invalid value for dataType, use {', '.join(sorted(CREATED_TYPES))}")
    if own in {field.name for field in context.state.schema}:
        raise CallError("1017", f"Field '{own}' already exists")
    hidden = _flag(record, "isHidden", present=False)
    field = Field(own, data_type, _display_name(context, record, own), hidden=hidden)
    return field, replace(_noted(FieldNote(), record), is_api_created=True)


def _display_name(context: Context, record: Mapping[str, object], own: str) -> str:
    given = record["displayName"]
    if not isinstance(given, str) or not _DISPLAY_NAME.fullmatch(given):
        raise CallError("1003", "Invalid value for displayName: no special characters")
    if given in {field.display_name for field in context.state.schema if field.name != own}:
        raise CallError("1003", f"displayName '{given}' is that of another field")
    return given


def _noted(note: FieldNote, record: Mapping[str, object]) -> FieldNote:
    """The note with what the record says. Raises CallError 1003."""
    description = record.get("description", note.description)
    if description is not None and not isinstance(description, str):
        raise CallError("1003", "Invalid value for description")
    return FieldNote(
        description,
        is_html_encoding_in_email=_flag(record, "isHtmlEncodingInEmail", present=note.is_html_encoding_in_email),
        is_sensitive=_flag(record, "isSensitive", present=note.is_sensitive),
        is_api_created=note.is_api_created,
    )


def _flag(record: Mapping[str, object], name: str, *, present: bool) -> bool:
    """The switch of that name, as it is now if the record does not say. Raises CallError 1003."""
    given = record.get(name, present)
    if not isinstance(given, bool):
        raise CallError("1003", f"Invalid value for {name}, use true or false")
    return given
