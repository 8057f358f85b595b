"""Lead fields: Marketo's standard ones, their data types and what a value of each type may be.

Rules: Marketo REST, Field Types; Leads, "Describe".
"""

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

Value = str | int | float | bool | None

TEXT_BYTES: Final = 30_000
MAX_ID: Final = 2**63 - 1
"""Marketo's ids are signed 64-bit numbers (Adobe's definition, `int64`)."""
SEARCHABLE_TYPES: Final = frozenset({"string", "email", "integer"})
MAX_ID_DIGITS: Final = 18
"""Digits of an id in a request; a longer number is nobody's."""
LENGTHS: Final = {"string": 255, "email": 255, "phone": 255, "url": 255}
COMPUTED_TYPES: Final = frozenset({"lead_function", "formula"})

_EMAIL: Final = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_DAY: Final = r"\d{4}-\d\d-\d\d"
_DATE: Final = re.compile(_DAY, re.ASCII)
_TIME: Final = re.compile(rf"{_DAY}[T ].+", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


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
    soap: str | None = None
    """Its name in the SOAP API; None: the same, empty: not there."""
    hidden: bool = False
    """Hidden by an administrator: not described, and the REST API does not know it. Its values stay."""
    blocks_updates: bool = False
    """Updates are blocked: a value that is there stays, though the record is answered `updated`; none yet is taken."""
    refused_with: str = ""
    """The code with which records are skipped that write this field, as 1018 and 1021 where a CRM manages it."""
    id: int = 0

    def __post_init__(self) -> None:
        if self.data_type not in DATA_TYPES:
            raise ValueError(f"data_type '{self.data_type}' is unknown; use one of {', '.join(sorted(DATA_TYPES))}")
        if not self.name.isidentifier():
            raise ValueError(f"name '{self.name}' is not an API name; use letters, digits and underscores")
        if self.searchable and self.data_type == "boolean":
            raise ValueError(f"'{self.name}' is a boolean, by which nobody can be looked up; leave searchable out")
        if self.refused_with and not re.fullmatch(r"\d{3,4}", self.refused_with, re.ASCII):
            raise ValueError(f"refused_with '{self.refused_with}' is no code; give one such as \"1018\"")
        if not 0 <= self.id <= MAX_ID or not (self.length is None or 0 < self.length <= MAX_ID):
            raise ValueError(f"id and length of '{self.name}' are whole numbers from 1 to {MAX_ID}")

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
        if DATA_TYPES[self.data_type] is _integer and _WHOLE.fullmatch(text):
            return str(int(text))
        return text.lower() if self.is_caseless else text

    @property
    def is_caseless(self) -> bool:
        """Whether values that differ in case alone are the same."""
        return self.ignores_case or self.data_type == "email"

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
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError("half of a surrogate pair") from error
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
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if type(value) is not int or not -(2**63) <= value <= MAX_ID:
        raise InvalidValueError("not a whole number of 64 bits")
    return value


def _number(value: object) -> Value:
    if isinstance(value, bool) or not (
        isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip()))
    ):
        raise InvalidValueError("not a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise InvalidValueError("too large") from error
    if not math.isfinite(number):
        raise InvalidValueError("not a number")
    return number


def _boolean(value: object) -> Value:
    if isinstance(value, bool):
        return value
    flag = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if type(value) is int and value in (0, 1):
        flag = bool(value)
    if flag is None:
        raise InvalidValueError("not true or false")
    return flag


def _date(value: object) -> Value:
    """A day, or the day of a time as it is written."""
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                return date.fromisoformat(value).isoformat()
            if _TIME.fullmatch(value):
                return datetime.fromisoformat(value).date().isoformat()
        except ValueError as error:
            raise InvalidValueError("not a date") from error
    raise InvalidValueError("not a date")


def _datetime(value: object) -> Value:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise InvalidValueError("not a time")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise InvalidValueError("not a time with its zone")
        return timestamp(moment)
    except (ValueError, OverflowError) as error:  # the second: a time that its zone carries beyond the years 1 to 9999
        raise InvalidValueError("not a time") from error


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


@functools.lru_cache(maxsize=1024)  # whatever happens at one time shares one text, a million leads for example
def timestamp(moment: datetime) -> str:
    """A time as the lead database writes it: UTC, whole seconds.

    Raises OverflowError for a time that is outside the years 1 to 9999 in UTC.
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


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
        return field if field is not None and field.rest and not field.hidden else None

    def __iter__(self) -> Iterator[Field]:
        """Every field, hidden ones too."""
        return iter(self._by_name.values())

    def named(self, name: str) -> Field | None:
        """The field of this name, even if it is hidden or unknown to the REST API."""
        return self._by_name.get(name)

    def remove(self, name: str) -> Field:
        """Forget the field of this name, and give it back."""
        return self._by_name.pop(name)

    def copy(self) -> "Schema":
        """The same fields, to be changed apart."""
        return Schema(self)

    def searchable(self, name: str) -> Field | None:
        """The field of this name if leads can be looked up by it."""
        field = self.get(name)
        return field if field is not None and field.is_searchable else None
