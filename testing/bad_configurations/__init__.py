"""Configurations that break a rule, by what is changed in a good one, and how whoever is told of it follows."""

from collections.abc import Mapping
from typing import Any, Final

from testing.control_plane import CREATE

DEDUPE, FIRST, LAST = CREATE["mapping"]
EMAIL: Final = {"source": "personalEmail.address", "target": "email"}
LEGACY_EMAIL: Final = {"source": "personalEmail.address", "target": "Email"}
LEGACY_ECID: Final = {"source": "identityMap.ECID", "target": "ECID"}
LEGACY: Final[Mapping[str, Any]] = {"generation": "legacy_v2", "mapping": [LEGACY_EMAIL, FIRST, LAST]}
DROP: Final = object()
"""In the place of a value: the property is left out."""

Case = tuple[Mapping[str, Any], str, str]
"""What is changed in a good configuration, the path that is named, and what is said of it."""


def mapping(*rows: object) -> dict[str, Any]:
    return {"mapping": list(rows)}


def changed(whole: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**whole, **change}.items() if value is not DROP}


def unseen(sign: str, place: int) -> str:
    """What is said of a character that nobody sees."""
    rest = "leave out control characters, line breaks and marks of the direction of text"
    return f"must not have characters that nobody sees: {sign} at character {place}; {rest}"
