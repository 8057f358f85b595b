"""The rules of activations: which audiences can be activated on a connection, and how to fix those that cannot.

Source: Adobe, "Marketo Engage destination": supported audiences, scheduling.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from destination.domain.audience import MAX_NAMESPACE_LENGTH, Activation, AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.connection_rules import MAX_STRING_LENGTH
from destination.domain.matching import rule_of
from destination.domain.problem import Problem
from destination.domain.text import hidden_at
from destination.domain.times import format_time

MAX_ACTIVATIONS: Final = 1000
MAX_AUDIENCE_BYTES: Final = 200_000
"""Of a connection, and of their namespaces and ids together, so that a run, which counts by audience, fits into one
DynamoDB item (400 KB): 200 bytes for each of 1,000 audiences, as JSON. The ids of most sources are UUIDs.
"""

NAMESPACE: Final = re.compile(r"^[A-Za-z0-9_.:-]+$")
MAX_AUDIENCE_ID_LENGTH: Final = 256
"""Characters, of any language."""

_NOBODY: Final = "nobody is delivered"

_OTHER_DATA_TYPES: Final = {
    "account": "Account audiences hold companies",
    "prospect": "Prospect audiences hold people who are not your customers' profiles",
    "dataset": "Dataset exports hold tables",
}


def activation_problems(connection: Connection, activation: Activation) -> list[Problem]:
    problems = []
    if activation.data_type != "people":
        what = _OTHER_DATA_TYPES.get(activation.data_type, "Other audiences hold no people")
        problems.append(Problem("data_type", f"{what}, and leads are people; activate a people audience"))
    if activation.start and activation.end and activation.start >= activation.end:
        problems.append(Problem("end", "must be later than start"))
    if activation.list_id is not None and not rule_of(connection).keeps_lists:
        problems.append(Problem("list", "leave it out: a connection with sync type profile_only keeps no lists"))
    return problems


def list_problem(list_id: int, within: str = "") -> Problem:
    """Of an audience that names a list which is not there; `within`: where the audience stands."""
    message = f"Marketo has no list {list_id} that this API user can see; leave list out to have one made"
    return Problem(f"{within}list.id", message)


def naming_problems(audience: AudienceKey, name: str) -> list[Problem]:
    """What keeps an audience from having an id, a namespace and a name that a sender gives it."""
    problems = []
    if not 0 < len(name.strip()) <= MAX_STRING_LENGTH or hidden_at(name) is not None:
        problems.append(Problem("name", f"must have from 1 to {MAX_STRING_LENGTH} characters that can be seen"))
    is_whole = audience.id == audience.id.strip() and hidden_at(audience.id) is None
    if not is_whole or not 0 < len(audience.id) <= MAX_AUDIENCE_ID_LENGTH:
        message = f"must have from 1 to {MAX_AUDIENCE_ID_LENGTH} characters that can be seen, and no space around them"
        problems.append(Problem("id", message))
    namespace = audience.namespace
    if namespace and (len(namespace) > MAX_NAMESPACE_LENGTH or not NAMESPACE.fullmatch(namespace)):
        problems.append(Problem("namespace", f"must match {NAMESPACE.pattern}, at most {MAX_NAMESPACE_LENGTH} long"))
    return problems


def activation_change_problems(before: Activation, after: Activation) -> list[Problem]:
    """What can never be changed."""
    fixed = {
        "id": before.audience.id != after.audience.id,
        "namespace": before.audience.namespace != after.audience.namespace,
        "list": before.list_id != after.list_id,
    }
    message = "cannot be changed: deactivate the audience, then activate it again"
    return [Problem(path, message) for path, changed in fixed.items() if changed]


def over_problems(before: Activation | None, after: Activation, now: datetime) -> list[Problem]:
    """An end that has passed where an audience is activated, unless it had that end before."""
    if after.end is None or after.end > now or (before is not None and before.end == after.end):
        return []
    return [Problem("end", f"has passed ({format_time(after.end)}), so {_NOBODY}; give a later one, or leave it out")]


def over_warnings(active: ActiveConnection, now: datetime) -> list[Problem]:
    """The audiences of a connection whose end has passed."""
    return [
        Problem(f"audiences.{one.id}.end", f"{one.name} is over since {format_time(one.end)}, so {_NOBODY} for it")
        for _, one in sorted(active.activations.items())
        if one.end is not None and one.end <= now
    ]


def fill_time(before: Activation | None, after: Activation, now: datetime, *, has_delivered: bool) -> datetime | None:
    """From when on the list of an activation is to be filled, once it is stored in place of another, if of any.

    The ledger may know people of whom the list knows nothing: of before the audience was activated, where the
    connection `has_delivered`, or while it had another list, or while it was not open. None: there is nothing to fill.
    """
    opens = after.opens_at(now)
    if after.list_id is None or opens is None:
        return None
    if before is None:
        return opens if has_delivered or opens > now else None
    stays = (before.list_id, before.start, before.end) == (after.list_id, after.start, after.end)
    stays_open = before.list_id == after.list_id and before.is_scheduled(now) and opens == now
    return before.fill_at if stays or stays_open else opens


def room_problems(activation: Activation, others: Sequence[Activation]) -> list[Problem]:
    """What keeps a connection with these activations from having another one."""
    instead = "deactivate another one, or create another connection"
    if len(others) >= MAX_ACTIVATIONS:
        message = f"is one too many: a connection has at most {MAX_ACTIVATIONS} audiences"
        return [Problem("id", f"{message}; {instead}")]
    size = sum(len(json.dumps(one.audience, ensure_ascii=False).encode()) for one in (activation, *others))
    if size > MAX_AUDIENCE_BYTES:
        message = f"brings the audiences' namespaces and ids to {size:,} bytes, and {MAX_AUDIENCE_BYTES:,} fit"
        return [Problem("id", f"{message}; {instead}")]
    return []
