"""The configuration rules: which connections and activations make sense, and how to mend those that do not.

Source: Adobe, "Marketo Engage destination": destination details, supported identities and audiences, mapping
requirements; the limits are those of Marketo REST, "API limits".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from destination.domain.alerts import RULES, Alert
from destination.domain.connection import (
    DEDUPE_TARGET,
    Activation,
    ActiveConnection,
    Connection,
    Scope,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.matching import REQUIRED_TO_CREATE, UNSUPPORTED_DEDUPE_FIELDS, rule_of

MAX_CALLS_PER_20S: Final = 100
MAX_CONCURRENCY: Final = 10
MAX_DAILY_CALLS: Final = 10_000_000
MAX_ACTIVATIONS: Final = 1000
"""Of a connection, so that a run, which counts by audience, fits into one DynamoDB item (400 KB).

There is room for 200 bytes of namespace and id each; the ids of most sources are UUIDs.
"""

LONGEST_MEMORY: Final = timedelta(days=28)
"""No person's last delivery is remembered for longer, so no longer time can be kept."""

_MUNCHKIN_ID = re.compile(r"[0-9]{3}-[A-Z]{3}-[0-9]{3}")
_OTHER_DATA_TYPES: Final = {
    "account": "Account audiences hold companies",
    "prospect": "Prospect audiences hold people who are not your customers' profiles",
    "dataset": "Dataset exports hold tables",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a member, and how to mend it; the path is dotted, with list positions: `mapping[2].target`."""

    path: str
    message: str


class ConfigurationError(Exception):
    """The configuration breaks a rule; `problems` say which members, and how to mend them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


def connection_problems(connection: Connection) -> list[Problem]:
    """What no connection may be, not even a draft; what is merely not given yet is no problem here."""
    return [
        *_identity_problems(connection),
        *_combination_problems(connection),
        *_limit_problems(connection),
        *_alert_problems(connection),
        *_mapping_problems(connection),
        *(_missing_attributes(connection) if rule_of(connection).creates else ()),
    ]


def connection_warnings(connection: Connection) -> list[Problem]:
    """What works, and is perhaps not what was meant."""
    warnings = [] if rule_of(connection).creates else list(_missing_attributes(connection))
    warnings.extend(
        Problem(f"mapping[{index}]", f"is not used: {DEDUPE_TARGET} fills {connection.dedupe_field} already")
        for index, row in enumerate(connection.mapping)
        if row.target == connection.dedupe_field
    )
    return warnings


def missing_to_enable(active: ActiveConnection, *, has_credentials: bool) -> list[Problem]:
    """What a connection still needs before it can deliver."""
    connection, missing = active.connection, []
    if not has_credentials:
        missing.append(
            Problem("credentials", "give the client id and client secret of an API-only LaunchPoint service")
        )
    if not connection.mapping:
        missing.append(Problem("mapping", f"map a source to {DEDUPE_TARGET}, and the attributes to be delivered"))
    if not active.activations and connection.scope is Scope.ACTIVATED_AUDIENCES:
        missing.append(Problem("audiences", "activate an audience"))
    if rule_of(connection).keeps_lists:
        missing.extend(
            Problem(
                "audiences", f"audience {one.audience.id} ({one.audience.namespace}) has no list: activate it again"
            )
            for one in active.activations.values()
            if one.list_id is None
        )
    return missing


def change_problems(before: Connection, after: Connection) -> list[Problem]:
    """What can never be changed."""
    if before.munchkin_id == after.munchkin_id:
        return []
    reason = "the lists and leads it delivered to are those of one instance; create another connection"
    return [Problem("munchkin_id", f"cannot be changed: {reason}")]


def activation_change_problems(before: Activation, after: Activation) -> list[Problem]:
    """What can never be changed."""
    fixed = {
        "id": before.audience.id != after.audience.id,
        "namespace": before.audience.namespace != after.audience.namespace,
        "list": before.list_id != after.list_id,
    }
    message = "cannot be changed: deactivate the audience, then activate it anew"
    return [Problem(path, message) for path, changed in fixed.items() if changed]


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


def room_problems(activations: int) -> list[Problem]:
    """What keeps a connection with so many activations from having another one."""
    if activations < MAX_ACTIVATIONS:
        return []
    message = f"is one too many: a connection has at most {MAX_ACTIVATIONS} audiences"
    return [Problem("id", f"{message}; deactivate another one, or create another connection")]


def _identity_problems(connection: Connection) -> Iterator[Problem]:
    if not _MUNCHKIN_ID.fullmatch(connection.munchkin_id):
        message = "must be a Munchkin ID such as 123-ABC-456; find it in Marketo under Admin, Integration, Munchkin"
        yield Problem("munchkin_id", message)
    if connection.dedupe_field.lower() in UNSUPPORTED_DEDUPE_FIELDS:
        message = "Marketo's Lead ID and ECID cannot identify a person; choose a searchable field such as email"
        yield Problem("dedupe_field", message)


def _combination_problems(connection: Connection) -> Iterator[Problem]:
    rule = rule_of(connection)
    if connection.partition is not None and not rule.takes_partition:
        yield Problem("partition", "leave it out: with audience_only new people go to the Default partition")
    if connection.scope is Scope.ALL_PROFILES and not rule.updates_fields:
        yield Problem("scope", "must be activated_audiences: audience_only has nothing to do for other profiles")


def _limit_problems(connection: Connection) -> Iterator[Problem]:
    limits = connection.limits
    if not 1 <= limits.calls_per_20s <= MAX_CALLS_PER_20S:
        yield Problem("limits.calls_per_20s", f"must be from 1 to {MAX_CALLS_PER_20S}, Marketo's limit per instance")
    if not 1 <= limits.concurrency <= MAX_CONCURRENCY:
        yield Problem("limits.concurrency", f"must be from 1 to {MAX_CONCURRENCY}, Marketo's limit per instance")
    if not 1 <= limits.daily_calls <= MAX_DAILY_CALLS:
        yield Problem("limits.daily_calls", f"must be from 1 to {MAX_DAILY_CALLS}")
    for path in ("resend_unchanged_after", "lead_cache"):
        if not timedelta(0) <= getattr(connection, path) <= LONGEST_MEMORY:
            yield Problem(path, f"must be from PT0S to P{LONGEST_MEMORY.days}D")


def _alert_problems(connection: Connection) -> Iterator[Problem]:
    first: dict[Alert, int] = {}
    for index, one in enumerate(connection.alerts):
        rule = RULES[one.alert]
        if one.alert in first:
            yield Problem(f"alerts[{index}]", f"{one.alert} is subscribed by alerts[{first[one.alert]}]; keep one")
        first.setdefault(one.alert, index)
        if one.threshold is None:
            continue
        if not rule.is_settable:
            yield Problem(f"alerts[{index}].threshold", f"leave it out: {one.alert} is there or not")
        elif not rule.least <= one.threshold <= rule.most:
            bounds = f"from {rule.least:g} to {rule.most:,.{0 if rule.most > 1 else 2}f} ({rule.unit})"
            yield Problem(f"alerts[{index}].threshold", f"must be {bounds}")


def _mapping_problems(connection: Connection) -> Iterator[Problem]:
    first_rows: dict[str, int] = {}
    for index, row in enumerate(connection.mapping):
        path = f"mapping[{index}]"
        if not all(row.source.split(".")):
            yield Problem(f"{path}.source", "must be a dotted path such as person.name.firstName or identityMap.email")
        if row.target in first_rows:
            yield Problem(
                f"{path}.target", f"{row.target} is filled by mapping[{first_rows[row.target]}]; keep one row"
            )
        first_rows.setdefault(row.target, index)
        if row.target == DEDUPE_TARGET:
            if row.when_missing is not WhenMissing.IGNORE:
                yield Problem(f"{path}.when_missing", "must be ignore: an identity cannot be cleared")
            if row.when_empty is not WhenEmpty.IGNORE:
                yield Problem(f"{path}.when_empty", "must be ignore: an empty value identifies nobody")
    if connection.mapping and DEDUPE_TARGET not in first_rows:
        yield Problem("mapping", f"map the source that identifies a person to {DEDUPE_TARGET}")


def _missing_attributes(connection: Connection) -> Iterator[Problem]:
    """With `email` as dedupe field the value of DedupeField is the lead's email too."""
    if not connection.mapping:
        return
    filled = {row.target for row in connection.mapping} | {connection.dedupe_field}
    for name in REQUIRED_TO_CREATE:
        if name not in filled:
            yield Problem("mapping", f"map a source to {name}: Marketo people are created with {_required()} only")


def _required() -> str:
    *others, last = REQUIRED_TO_CREATE
    return f"{', '.join(others)} and {last}"
