"""Which type of a profile's schema fits which type of lead field.

Source: Adobe, "Marketo Engage Person Sync", field types (XDM to Marketo); Marketo REST API, "Field types". What the
table leaves out is added where delivery converts every value of the type without loss: numbers and times into strings.
"""

from collections.abc import Mapping
from typing import Final

from destination.domain.connection import SourceType
from destination.domain.schema import Field

_TEXTS: Final = frozenset({"string", "text", "textarea", "url", "phone"})
_WHOLE: Final = frozenset({"integer", "score", "percent"})
_DECIMAL: Final = frozenset({"float", "currency"})

TYPES: Final[Mapping[SourceType, frozenset[str]]] = {
    SourceType.STRING: _TEXTS | {"email"},
    SourceType.ENUM: frozenset({"string", "text", "textarea"}),
    SourceType.DATE: _TEXTS | {"date", "datetime"},
    SourceType.DATE_TIME: _TEXTS | {"date", "datetime"},
    SourceType.INTEGER: _TEXTS | _WHOLE | _DECIMAL,
    SourceType.SHORT: _TEXTS | _WHOLE | _DECIMAL,
    SourceType.LONG: _TEXTS | _WHOLE | _DECIMAL,
    SourceType.DOUBLE: _TEXTS | _DECIMAL | {"percent"},
    SourceType.BOOLEAN: _TEXTS | {"boolean"},
    SourceType.ARRAY: frozenset(),
    SourceType.OBJECT: frozenset(),
    SourceType.MAP: frozenset(),
    SourceType.BYTE: frozenset(),
}
"""Marketo's types that take every value of the source's type, or nearly every one (see `loss`)."""

_UNSUPPORTED: Final[Mapping[SourceType, str]] = {
    SourceType.ARRAY: "choose one of its values by an index or a condition in the path, with its own source_type; or "
    "say what joins them (join)",
    SourceType.OBJECT: "map one of its properties, by a longer path",
    SourceType.MAP: "map one of its entries, by a longer path",
    SourceType.BYTE: "map a string or a number",
}


def unsupported(source: SourceType, join: str | None) -> str | None:
    """Why no lead field takes a value of this type, and what to map instead; `join`: what joins several values."""
    remedy = _UNSUPPORTED.get(source)
    is_joined = source is SourceType.ARRAY and join is not None
    return None if remedy is None or is_joined else f"no lead field takes an XDM {source}; {remedy}"


def mismatch(source: SourceType, into: Field) -> str | None:
    """Why the field does not take values of this type, and what to do; None: it takes them, or its type is not known.

    A type that no field takes is `unsupported`, and no mismatch with any one of them.
    """
    taken = TYPES[source]
    if not taken or not into.data_type or into.data_type in taken:
        return None
    return (
        f"{into.name} is of Marketo's type {into.data_type}, which does not take an XDM {source}; map it to a field "
        f"of type {_either(sorted(taken))}, or leave source_type out if its values fit all the same"
    )


def not_joined(into: Field) -> str | None:
    """Why the field does not take joined values; None: it takes them, or its type is not known."""
    if not into.data_type or into.data_type in _TEXTS:
        return None
    text = f"joined values are text, which {into.name} of Marketo's type {into.data_type} does not take"
    return f"{text}; map them to a field of type {_either(sorted(_TEXTS))}, or choose one of the values in the path"


def loss(source: SourceType, into: Field) -> str | None:
    """What values of this type lose in the field, which takes them."""
    match source, into.data_type:
        case SourceType.LONG, "float" | "currency":
            return "whole numbers beyond 9,007,199,254,740,992 lose digits there"
        case SourceType.LONG, "integer" | "score" | "percent":
            return "numbers beyond 2,147,483,647 do not fit where the field is synchronised with a CRM"
        case SourceType.DOUBLE, "percent":
            return "percentages are whole numbers, and others are left out"
        case SourceType.DATE_TIME, "date":
            return "the time of day is cut off"
    return None


def _either(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
