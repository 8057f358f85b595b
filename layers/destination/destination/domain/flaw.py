"""What is wrong with a value of a person, told without the value."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from destination.domain.schema import InvalidValueError

MISSING: Final = "MISSING"
"""The profile has no value for the field."""

REFUSED: Final = "REFUSED"
"""Marketo does not take the value that it was sent."""

CHANGED: Final = "CHANGED"
"""The field was changed in Marketo while the event was delivered."""

SENTENCES: Final[Mapping[str, str]] = {
    MISSING: "the profile has no value for it",
    REFUSED: "Marketo does not take the value",
    CHANGED: "the field was changed or removed in Marketo",
}


class Flaw(NamedTuple):
    """What is wrong with the value of a lead field: in which way, as a sentence, and what kind of value it is.

    `value`: a kind of JSON's, of text with its length; never the value. None where there is no value.
    """

    field: str
    code: str
    message: str
    value: str | None = None

    @classmethod
    def plain(cls, field: str, code: str) -> "Flaw":
        """One of those codes that have a sentence of their own."""
        return cls(field, code, SENTENCES[code])

    @classmethod
    def of(cls, field: str, error: InvalidValueError, value: object) -> "Flaw":
        """Of a value that the field cannot take. The error's message holds no value."""
        return cls(field, error.code, str(error), kind_of(value))


def kind_of(value: object) -> str | None:
    """What kind of value it is, in JSON's words; of text also how long it is."""
    match value:
        case None:
            return None
        case str():
            return f"text of {len(value)} characters"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case tuple() | list():
            return f"array of {len(value)}"
    return "object"
