"""Lead fields: Marketo's standard ones, their data types and what a value of each type may be.

Rules: Marketo REST, Field Types; Leads, "Describe".
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

Value = str | int | float | bool | None

TEXT_BYTES: Final = 30_000
SEARCHABLE_TYPES: Final = frozenset({"string", "email", "integer"})
LENGTHS: Final = {"string": 255, "email": 255, "phone": 255, "url": 255}
COMPUTED_TYPES: Final = frozenset({"lead_function", "formula"})

_EMAIL: Final = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_NO_VALUE: Final = "no value"


class InvalidValueError(ValueError):
    """A value does not fit its field (record-level code 1003)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One lead field. Custom fields of the types string, email and integer are searchable unless said otherwise."""

    name: str
    data_type: str = "string"
    display_name: str = ""
    length: int | None = None
    read_only: bool = False
    searchable: bool | None = None
    crm_managed: bool = False
    ignores_case: bool = False
    """Values that differ in case alone are the same when searched for, as those of type email always are."""
    rest: bool = True
    """False: known to SOAP alone, so the REST API does not take it."""
    id: int = 0

    def __post_init__(self) -> None:
        if self.data_type not in DATA_TYPES:
            raise ValueError(f"data_type '{self.data_type}' is unknown; use one of {', '.join(sorted(DATA_TYPES))}")
        if not self.name.isidentifier():
            raise ValueError(f"name '{self.name}' is not an API name; use letters, digits and underscores")

    @property
    def max_length(self) -> int | None:
        """Characters a value may have; None where the type has no length."""
        return self.length or LENGTHS.get(self.data_type)

    @property
    def is_searchable(self) -> bool:
        """Whether the field is a filterType and a lookupField."""
        return self.data_type in SEARCHABLE_TYPES if self.searchable is None else self.searchable

    def key(self, value: Value) -> str:
        """The form in which two values of this field are the same when searched for."""
        text = str(value).strip()
        return text.lower() if self.ignores_case or self.data_type == "email" else text

    def take(self, value: object) -> Value:
        """The value as Marketo stores it; null and the empty string clear, and a cleared boolean is false.

        Raises InvalidValueError.
        """
        if value is None or value == "":
            return False if self.data_type == "boolean" else None
        taken = DATA_TYPES[self.data_type](value)
        if isinstance(taken, str) and (limit := self.max_length) is not None and len(taken) > limit:
            raise InvalidValueError(f"longer than {limit} characters")
        return taken


def _string(value: object) -> Value:
    if not isinstance(value, str):
        raise InvalidValueError("not text")
    return value


def _text(value: object) -> Value:
    text = _string(value)
    if len(str(text).encode()) > TEXT_BYTES:
        raise InvalidValueError(f"longer than {TEXT_BYTES} bytes")
    return text


def _email(value: object) -> Value:
    if not isinstance(value, str) or not value.isascii() or not _EMAIL.fullmatch(value.strip()):
        raise InvalidValueError("not an e-mail address")
    return value.strip()


def _integer(value: object) -> Value:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,19}", value.strip()):
        value = int(value)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise InvalidValueError("not a whole number")
    return value


def _number(value: object) -> Value:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError as error:
            raise InvalidValueError("not a number") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidValueError("not a number")
    return float(value)


def _boolean(value: object) -> Value:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "false": False, "0": False}
    shown = str(value).strip().lower()
    if not isinstance(value, str | int) or shown not in known:
        raise InvalidValueError("not true or false")
    return known[shown]


def _date(value: object) -> Value:
    try:
        if not isinstance(value, str) or len(value) != len("2026-01-31"):
            raise InvalidValueError("not a date")
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise InvalidValueError("not a date") from error


def _datetime(value: object) -> Value:
    try:
        if not isinstance(value, str) or (moment := datetime.fromisoformat(value)).tzinfo is None:
            raise InvalidValueError("not a time with its zone")
    except ValueError as error:
        raise InvalidValueError("not a time") from error
    return timestamp(moment)


def _computed(_value: object) -> Value:
    raise InvalidValueError("computed by Marketo")


DATA_TYPES: Final[dict[str, Callable[[object], Value]]] = {
    "string": _string,
    "text": _text,
    "textarea": _text,
    "email": _email,
    "phone": _string,
    "url": _string,
    "integer": _integer,
    "score": _integer,
    "percent": _integer,
    "reference": _integer,
    "float": _number,
    "currency": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "lead_function": _computed,
    "formula": _computed,
}


def timestamp(moment: datetime) -> str:
    """A time as the lead database writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Schema:
    """The fields of one instance, in describe order."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._by_name: dict[str, Field] = {}
        for field in fields:
            self.add(field)

    def add(self, field: Field) -> None:
        """Add a field, or replace the one of the same name; without an id it gets the replaced one's or the next."""
        known = self._by_name.get(field.name)
        number = field.id or (known.id if known else max((each.id for each in self._by_name.values()), default=0) + 1)
        self._by_name[field.name] = replace(field, id=number, display_name=field.display_name or field.name)

    def get(self, name: str) -> Field | None:
        """The field the REST API knows by this name."""
        field = self._by_name.get(name)
        return field if field is not None and field.rest else None

    def __iter__(self) -> Iterator[Field]:
        return iter(self._by_name.values())

    def searchable(self, name: str) -> Field | None:
        """The field of this name if leads can be looked up by it."""
        field = self.get(name)
        return field if field is not None and field.is_searchable else None
