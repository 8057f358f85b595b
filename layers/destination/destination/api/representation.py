"""What all representations of the control plane have in common.

An unknown property is refused. What the properties mean together is decided by the domain's rules.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from destination.api.problems import problems_of
from destination.domain.connection_rules import MARKETING_ACTION, MAX_STRING_LENGTH
from destination.domain.display_names import ACTIONS, LABEL_NAMES, meant
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


def shown_as(meanings: Mapping[str, str]) -> BeforeValidator:
    """A display name of Adobe's stands for the id."""
    return BeforeValidator(lambda written: meant(written, meanings))


def _action(value: object) -> object:
    if isinstance(value, str) and not MARKETING_ACTION.fullmatch(value):
        name = "or the name of one of your own: a letter, then letters, digits, - and _, at most 64 in all"
        raise ValueError(f"must be a marketing action of Adobe's, such as emailTargeting or Email Targeting, {name}")
    return value


Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), shown_as(LABEL_NAMES)]
"""A data usage label: Adobe's (`C1` to `C12`, `I1`, `S1`, …) or one of your own."""

Name = Annotated[str, StringConstraints(pattern=MARKETING_ACTION.pattern), BeforeValidator(_action), shown_as(ACTIONS)]
"""The name of a marketing action: a core one, by its display name as well, or one of your own."""

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
        whole = self.model_dump(mode="json")
        self._refuse_unknown(_merged(whole, patch, keeps_null=True))
        return self.read(_merged(whole, patch))

    def _refuse_unknown(self, content: object) -> None:
        """A null takes the property away that it stands for, and with it that there is no such property."""
        try:
            self.model_validate(content)
        except ValidationError as invalid:
            if unknown := [one for one in invalid.errors() if one["type"] == "extra_forbidden"]:
                raise ConfigurationError(problems_of(unknown)) from None


def _merged(target: object, patch: object, *, keeps_null: bool = False) -> object:
    """RFC 7396: null removes a property, an object changes the properties it names, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None and not keeps_null:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value, keeps_null=keeps_null)
    return merged
