"""Marketo's field schema, and which values its fields can take.

Source: Marketo REST API, "Describe" and "Field types"; one value that does not fit makes Marketo skip the whole record,
so every value is checked before it is sent.
"""

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from destination.domain.times import format_time, parse_time

FieldValue = str | int | float | bool | None

TEXT_BYTES: Final = 30_000
STRING_LENGTH: Final = 255
BOOLEAN: Final = "boolean"
EMAIL: Final = "email"
"""The type, and the field of that type by which people are looked up."""

_LONG_TEXTS: Final = frozenset({"text", "textarea"})
_UTF8_BYTES: Final = 4
"""Of one character at most."""

INTEGER_BOUND: Final = 2**63
INVALID_VALUE: Final = "INVALID_VALUE"
TOO_LONG: Final = "TOO_LONG"
READ_ONLY: Final = "READ_ONLY"
UNKNOWN_FIELD: Final = "UNKNOWN_FIELD"
RESTRICTED: Final = "RESTRICTED"
"""Why an attribute is dropped."""

OPT_IN_KEPT: Final = "OPT_IN_KEPT"
MAY_BE_CUT: Final = "MAY_BE_CUT"
DIFFERS_IN_CASE: Final = "DIFFERS_IN_CASE"
VALUES_LEFT_OUT: Final = "VALUES_LEFT_OUT"
"""What is told of an attribute that fits: it would have taken an opt-out back, and was not sent; Marketo may cut it; a
lead was found by it that has it in another case; its source has more values than count.
"""

WARNINGS: Final[Mapping[str, str]] = {
    OPT_IN_KEPT: "The profile has not opted out, and opt_in is keep: the lead keeps what Marketo has.",
    DIFFERS_IN_CASE: "The lead that was found has the value in another case, and nothing has exactly this one.",
    MAY_BE_CUT: "It is sent with an emoji, or another character beyond U+FFFF, where Marketo may cut the text off.",
    VALUES_LEFT_OUT: "The source has more values than count: of several the first, or at an identity the first 100. "
    "Choose by an index or a condition in the path, or join them (join).",
}
"""By code, for people."""

_READ_ONLY = "the field is read-only in Marketo"
_NEVER_WRITTEN: Final = frozenset({"id", "leadPartitionId"})
"""Described as updateable, although the one names the lead and the other is changed by a call of its own."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_FRACTION = re.compile(r"[.eE]")
_WHOLE = re.compile(r"([+-]?[0-9]+)\.0*")
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?!-)[A-Za-z0-9-]+(?<!-)"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
"""The plain form of an address: dot-separated atoms (RFC 5322, 3.2.3) at a host name (RFC 1123, 2.1)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters but tabs and line ends, and halves of characters, which no text may hold."""

_CONFUSING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U00010000-\U0010ffff]"
)
"""What makes two values look alike: control characters, invisible ones, those that turn the direction of text, and
those at which Marketo may cut a text off.
"""

_PADDING: Final = " \t\r\n"


class AttributeWarning(NamedTuple):
    """An attribute that fits its lead field, and the code of what is told of it."""

    field: str
    code: str


class InvalidValueError(ValueError):
    """A value that its field cannot take; the message says why, `code` in which way, and neither holds the value."""

    def __init__(self, message: str, code: str = INVALID_VALUE) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Field:
    """A lead field: its REST name, Marketo's data type, its length (characters; None where Marketo states none).

    `crm_managed`: a CRM that Marketo is synchronised with fills it.
    """

    name: str
    data_type: str
    length: int | None = None
    updateable: bool = True
    display_name: str = ""
    crm_managed: bool = False

    @property
    def is_writable(self) -> bool:
        """Whether a value can be sent at all: the field is neither read-only nor computed, nor the lead's own id."""
        return self.updateable and self.data_type in WRITABLE_TYPES and self.name not in _NEVER_WRITTEN


@dataclass(frozen=True, slots=True)
class Schema:
    """The lead fields of one Marketo instance, and the names that a lookup may filter by."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    searchable: frozenset[str] = frozenset()

    def named(self, name: str) -> Field:
        """The field of this name; one that is not known is taken for text."""
        return self.fields.get(name, Field(name, "string"))


def schema_of_keys(lookup_fields: Iterable[str]) -> Schema:
    """What is known without asking of the fields by which people are looked up: enough to tell their keys."""
    return Schema({name: Field(name, EMAIL) for name in lookup_fields if name == EMAIL})


def coerce(value: object, into: Field) -> FieldValue:
    """Turn a profile's value into what the field takes; texts lose their control characters, which may leave "".

    Raises InvalidValueError when the field is read-only, computed, or cannot take the value.
    """
    if not into.updateable:
        raise InvalidValueError(_READ_ONLY, READ_ONLY)
    return _convert(value, into)


def plain_length(into: Field) -> int:
    """So many characters of printable text without surrounding space `coerce` leaves as they are; 0: it may not."""
    if not into.updateable or _CONVERTERS.get(into.data_type) is not _text:
        return 0
    return TEXT_BYTES // _UTF8_BYTES if into.data_type in _LONG_TEXTS else into.length or STRING_LENGTH


def may_be_cut(text: str) -> bool:
    """Whether it has a character beyond the Basic Multilingual Plane, where Marketo is reported to end the text."""
    return not text.isascii() and max(text) > "\uffff"


def dedupe_value(value: object, by: Field) -> FieldValue:
    """Turn a profile's value into one that can identify a lead; the field may be read-only.

    Raises InvalidValueError when it is of the wrong type, empty, holds characters that nobody sees or that Marketo may
    cut it off at, or a comma, which Marketo's filter values cannot express (Marketo REST API, "Get Leads by Filter
    Type").
    """
    if (
        isinstance(value, str)
        and not (value.isascii() and value.isprintable())
        and _CONFUSING.search(value.strip(_PADDING))
    ):
        raise InvalidValueError("a value with control characters, invisible ones or emoji identifies nobody")
    converted = _convert(value, by)
    if converted == "" or "," in str(converted):
        raise InvalidValueError("a value that is empty or has a comma cannot be looked up in Marketo")
    return converted


def dedupe_key(value: object, by: Field) -> str:
    """Normalise a profile's value for comparison: e-mail without case, every value without surrounding space.

    Raises InvalidValueError like `dedupe_value`.
    """
    return key_of(dedupe_value(value, by), by)


def key_of(identity: FieldValue, by: Field) -> str:
    """Normalise what `dedupe_value` made."""
    key = str(identity)
    return key.lower() if by.data_type == EMAIL else key


def _convert(value: object, into: Field) -> FieldValue:
    convert = _CONVERTERS.get(into.data_type)
    if convert is None:
        raise InvalidValueError(_READ_ONLY, READ_ONLY)
    converted = convert(value)
    if isinstance(converted, str):
        _check_length(converted, into)
    return converted


def _check_length(text: str, into: Field) -> None:
    if into.data_type in _LONG_TEXTS:
        if len(text.encode()) > TEXT_BYTES:
            raise InvalidValueError(f"longer than {TEXT_BYTES} bytes", TOO_LONG)
    elif len(text) > (into.length or STRING_LENGTH):
        raise InvalidValueError(f"longer than {into.length or STRING_LENGTH} characters", TOO_LONG)


def _email(value: object) -> str:
    if isinstance(value, str) and _EMAIL.fullmatch(address := value.strip()):
        return address  # There is nothing in it that has to be taken out.
    text = _text(value)
    if not _EMAIL.fullmatch(text):
        raise InvalidValueError("not an e-mail address")
    return text


def _integer(value: object) -> int:
    number = _number(value)
    if number != int(number):
        raise InvalidValueError("not a whole number")
    if not -INTEGER_BOUND <= number < INTEGER_BOUND:
        raise InvalidValueError("outside the range of a 64-bit integer")
    return int(number)


def _boolean(value: object) -> bool:
    match value:
        case bool():
            return value
        case int() | float() if value in (0, 1):
            return value == 1
        case str() if (written := value.strip().lower()) in _BOOLEANS:
            return _BOOLEANS[written]
    raise InvalidValueError("not true or false")


def _date(value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
        try:
            if len(text) > len("2026-01-01"):
                parse_time(text)
            return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            pass
    raise InvalidValueError("not a date (YYYY-MM-DD)")


def _datetime(value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
        try:
            if len(text) == len("2026-01-01"):
                return format_time(datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC))
            return format_time(parse_time(text))
        except ValueError:
            pass
    raise InvalidValueError("not an ISO 8601 date and time")


def _text(value: object) -> str:
    match value:
        case str():
            return (value if value.isprintable() else _CONTROL.sub("", value)).strip()
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return repr(_whole(value))
    raise InvalidValueError("not text")


def _number(value: object) -> int | float:
    """A finite number; `True` is none, nor is Python's `1_000`."""
    number: int | float
    match value:
        case int() | float() if not isinstance(value, bool):
            number = value
        case str() if _NUMBER.fullmatch(text := value.strip()):
            number = _written(text)
        case _:
            raise InvalidValueError("not a number")
    if not -sys.float_info.max <= number <= sys.float_info.max:
        raise InvalidValueError("not a finite number")
    return _whole(number) if isinstance(number, float) else number


def _written(text: str) -> int | float:
    """The number in a text; whole ones keep all their digits, also with a `.0`."""
    if len(text) <= STRING_LENGTH:
        whole = _WHOLE.fullmatch(text)
        if whole is not None or not _FRACTION.search(text):
            return int(whole[1] if whole is not None else text)
    return float(text)


def _whole(number: float) -> int | float:
    """Senders write whole numbers as doubles (`417.0`): the same number without a fraction, within 64 bits."""
    return int(number) if number.is_integer() and -INTEGER_BOUND <= number < INTEGER_BOUND else number


_CONVERTERS: Mapping[str, Callable[[object], FieldValue]] = {
    "string": _text,
    "phone": _text,
    "url": _text,
    "text": _text,
    "textarea": _text,
    EMAIL: _email,
    "integer": _integer,
    "score": _integer,
    "percent": _integer,
    "float": _number,
    "currency": _number,
    BOOLEAN: _boolean,
    "date": _date,
    "datetime": _datetime,
}
"""By Marketo's data type; what is not here (reference, formula, lead_function, array) is computed or an internal id."""

WRITABLE_TYPES: Final = frozenset(_CONVERTERS)
