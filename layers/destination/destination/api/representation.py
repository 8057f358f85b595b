"""What all representations of the control plane have in common.

An unknown property is refused. What the properties mean together is decided by the domain's rules.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from destination.api.problems import problems_of
from destination.domain.connection_rules import MARKETING_ACTION, MAX_STRING_LENGTH
from destination.domain.problem import ConfigurationError
from destination.domain.text import LINE_SIGNS, hidden_at
from destination.domain.times import parse_time


def _time(value: object) -> object:
    if isinstance(value, datetime):
        return value
    text = str(value)
    try:
        # In a query that was not encoded, the + of an offset arrives as a space.
        return parse_time(text.replace(" ", "+") if "T" in text else text)
    except (ValueError, OverflowError) as invalid:
        raise ValueError("must be an ISO 8601 date and time such as 2026-11-21T10:00:00Z") from invalid


def _duration(value: object) -> object:
    if isinstance(value, timedelta) or (isinstance(value, str) and value.startswith("P")):
        return value
    raise ValueError("must be an ISO 8601 duration such as PT24H")


def _without_hidden(besides: str) -> Callable[[object], object]:
    def checked(value: object) -> object:
        place = hidden_at(value, besides) if isinstance(value, str) else None
        if isinstance(value, str) and place is not None:
            what = f"must not have characters that nobody sees: U+{ord(value[place]):04X} at character {place + 1}"
            raise ValueError(f"{what}; leave out control characters, line breaks and marks of the direction of text")
        return value

    return checked


VISIBLE: Final = BeforeValidator(_without_hidden(""))
"""Before space around it is taken off: a line break at the end is one too many."""

PROSE: Final = BeforeValidator(_without_hidden(LINE_SIGNS))
"""Of several lines."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_STRING_LENGTH), VISIBLE]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A data usage label: Adobe's (`C1` to `C12`, `I1`, `S1`, …) or one of your own."""

Name = Annotated[str, StringConstraints(pattern=MARKETING_ACTION.pattern)]

Labels = Annotated[list[Label], Field(max_length=30)]

Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=datetime)]
Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=timedelta)]


class Representation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @classmethod
    def read(cls, content: object) -> Self:
        """Raises ConfigurationError."""
        try:
            return cls.model_validate(content)
        except ValidationError as invalid:
            raise ConfigurationError(problems_of(invalid.errors())) from None

    def patched(self, patch: Mapping[str, Any]) -> Self:
        """The same with a JSON merge patch (RFC 7396) applied. Raises ConfigurationError."""
        return self.read(_merged(self.model_dump(mode="json"), patch))


def _merged(target: object, patch: object) -> object:
    """RFC 7396: null removes a property, an object changes the properties it names, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
