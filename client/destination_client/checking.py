"""Has the stack check what a document would make of a connection, and tells what it refuses in the document's words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.connection import OPEN
from destination.domain.problem import ConfigurationError, Problem
from destination_client import render
from destination_client.errors import ApiRefusedError
from destination_client.http import FORBIDDEN, UNPROCESSABLE, Api
from destination_client.plan import Present, intended_audiences, named_key
from destination_client.wanted import Wanted

PATH: Final = "/checks"
WITHIN: Final = "configuration."
"""Where the call has what is a property of a document."""

_OF_AUDIENCE: Final = re.compile(r"audiences\.([0-9a-f]{12})\.(.*)")
_OF_CHECK: Final = re.compile(r"checks\.(\w+)")
_PROPERTIES: Final = frozenset({"workspace", "partition", "dedupe_field", "mapping"})
"""Checks with the name of the property that they are about; the others are about what the API user may do."""


@dataclass(frozen=True, slots=True)
class Intention:
    """What is to become of a connection. `credentials`: None, if they are not to be given."""

    wanted: Wanted
    present: Present | None
    credentials: Mapping[str, Any] | None
    prune: bool
    same_people: bool


def refusals(api: Api, intended: Intention) -> list[Problem]:
    """All that storing it and enabling it would refuse, at the document's properties.

    Whoever may not ask is told so, and what is wrong shows when it is stored. Raises CommandError.
    """
    try:
        body = _body(intended)
    except ConfigurationError:
        return []  # of which the plan has told
    try:
        found = api.post(PATH, body)
    except ApiRefusedError as error:
        if error.status == UNPROCESSABLE:  # of what it cannot read, which the plan knows but for the credentials
            return [Problem(one.path.removeprefix(WITHIN), one.message) for one in error.problems]
        if error.status != FORBIDDEN:
            raise
        render.note("not checked before: you may not check configurations (Manage or Activate Destinations)")
        return []
    places = _places(intended.wanted)
    return [Problem(_place(one["path"], places), one["message"]) for one in found["refusals"]]


def top(path: str) -> str:
    """The property of the document that a path is in."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _body(intended: Intention) -> dict[str, Any]:
    wanted, present = intended.wanted, intended.present
    properties = dict(wanted.properties)
    if present is None:
        properties = {name: value for name, value in properties.items() if value is not None}
    if intended.credentials is not None:
        properties["credentials"] = intended.credentials
    if present is not None and intended.same_people:
        properties["same_people"] = True
    audiences = intended_audiences(wanted, present, prune=intended.prune)
    if audiences is None and present is None:
        audiences = []
    is_open = present is not None and present.connection["status"] in OPEN
    return {
        "connection_id": present and present.connection["id"],
        "configuration": properties,
        "audiences": None if audiences is None else [one.model_dump(mode="json") for one in audiences],
        "enabled": is_open if wanted.enabled is None else wanted.enabled,
    }


def _places(wanted: Wanted) -> dict[str, int]:
    """Where each audience stands in the document, by the id of its activation."""
    keys: list[AudienceKey | None] = [named_key(one) for one in wanted.audiences or ()]
    return {activation_id(key): index for index, key in enumerate(keys) if key is not None}


def _place(path: str, places: Mapping[str, int]) -> str:
    if found := _OF_AUDIENCE.fullmatch(path):
        where = f"audiences[{places[found[1]]}]" if found[1] in places else "audiences"
        return f"{where}.{found[2]}"
    if found := _OF_CHECK.fullmatch(path):
        return found[1] if found[1] in _PROPERTIES else "credentials"
    return path
