"""What is right and wrong with a connection once Marketo was asked: its fields, partitions and workspaces.

What can be known without Marketo is in `connection_rules`.

Source: Adobe, "Marketo Engage destination": destination details and mapping requirements; Marketo REST API, "Describe",
"Lead partitions" and "Custom services".
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from destination.domain.connection import DEFAULT_PARTITION, Connection, MappingRow
from destination.domain.connection_rules import clearing_problems, identity_fields
from destination.domain.event import ProfileEvent
from destination.domain.mapping import joined, values_at
from destination.domain.matching import is_lead_id_or_ecid, rule_of
from destination.domain.path import Path
from destination.domain.problem import Problem
from destination.domain.remedy import Remedy
from destination.domain.schema import BOOLEAN, Field, InvalidValueError, Schema, coerce, dedupe_value
from destination.domain.text import plain
from destination.domain.xdm import loss, mismatch, not_joined

_CLOSE: Final = 0.7


class CheckName(StrEnum):
    """In the order in which they are made."""

    CREDENTIALS = "credentials"
    READ_LEADS = "read_leads"
    WRITE_LEADS = "write_leads"
    ASSETS = "assets"
    WORKSPACE = "workspace"
    PARTITION = "partition"
    DEDUPE_FIELD = "dedupe_field"
    MAPPING = "mapping"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `ok` None: it could not be made, and `detail` says why. `hint`: what to do where it is not ok.

    `problems` name the properties of the configuration that have to be corrected.
    """

    name: CheckName
    ok: bool | None
    detail: str
    hint: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """What keeps a connection from being enabled, of a check that did not go well."""
        return self.problems or (Problem(f"checks.{self.name}", self.hint or self.detail),)


@dataclass(frozen=True, slots=True)
class ChecksReport:
    """The checks in their order. `calls`: how many calls to Marketo they took."""

    checks: tuple[Check, ...]
    warnings: tuple[Problem, ...]
    calls: int

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def judged(name: CheckName, problems: Sequence[Problem], good: str) -> Check:
    """A check of properties of the configuration: `good` says what was found where none has a problem."""
    if not problems:
        return Check(name, ok=True, detail=good)
    count = "one property does" if len(problems) == 1 else f"{len(problems)} properties do"
    detail = f"{count} not fit the Marketo instance: {', '.join(dict.fromkeys(one.path for one in problems))}"
    return Check(name, ok=False, detail=detail, hint=Remedy.FIX_PROPERTIES.says, problems=tuple(problems))


def dedupe_choices(schema: Schema) -> list[Field]:
    """The fields that people can be found by, by name: the searchable ones without Lead ID and ECID."""
    searchable = (schema.fields.get(name, Field(name, "", display_name=name)) for name in sorted(schema.searchable))
    return [field for field in searchable if not is_lead_id_or_ecid(field.name)]


def dedupe_problems(connection: Connection, schema: Schema) -> list[Problem]:
    """Whether people can be found, and created, by the fields that the connection compares."""
    properties = {"dedupe_field": connection.dedupe_field, "ecid_field": connection.ecid_field}
    return [
        Problem(path, why)
        for path, name in properties.items()
        if name is not None and (why := _dedupe_problem(connection, name, schema))
    ]


def mapping_problems(connection: Connection, schema: Schema) -> list[Problem]:
    """Targets that Marketo lacks or does not let be written, types that do not go together, emptied booleans."""
    problems = []
    compared = identity_fields(connection)
    for index, row in enumerate(connection.mapping):
        path = f"mapping[{index}]"
        into = schema.fields.get(compared.get(row.target, row.target))
        if into is None:
            if row.target not in compared:
                message = f"Marketo has no lead field {row.target}{_meant(row.target, schema.fields.values())}"
                problems.append(Problem(f"{path}.target", f"{message}; see the call marketo/fields"))
        elif row.target not in compared and not into.is_writable and into.name not in compared.values():
            message = f"{row.target} is read-only in Marketo; choose a field that can be written, or leave the row out"
            problems.append(Problem(f"{path}.target", message))
        elif row.source_type is not None and (why := mismatch(row.source_type, into)):
            problems.append(Problem(f"{path}.source_type", why))
        elif row.join is not None and (why := not_joined(into)):
            problems.append(Problem(f"{path}.join", why))
        if into is not None and into.data_type == BOOLEAN:
            problems.extend(clearing_problems(path, row))
    return problems


def mapping_warnings(connection: Connection, schema: Schema) -> list[Problem]:
    """Where a type fits and values may lose something all the same, and where somebody else writes the field too."""
    compared = identity_fields(connection)
    warnings = []
    for index, row in enumerate(connection.mapping):
        into = schema.fields.get(compared.get(row.target, row.target))
        if into is not None and row.source_type is not None and (why := loss(row.source_type, into)):
            path = f"mapping[{index}].source_type"
            warnings.append(Problem(path, f"an XDM {row.source_type} in {into.name}, a {into.data_type}: {why}"))
        if into is not None and into.crm_managed and row.target not in compared:
            message = f"{into.name} is managed by the CRM that Marketo is synchronised with, which may overwrite it"
            warnings.append(Problem(f"mapping[{index}].target", f"{message}; choose a field of Marketo's own, if so"))
    return warnings


def sample_problems(connection: Connection, schema: Schema, events: Sequence[ProfileEvent]) -> list[Problem]:
    """Mapped sources that no event of a sample has, and values that their fields cannot take; no value is repeated."""
    compared = identity_fields(connection)
    problems = []
    for index, row in enumerate(connection.mapping):
        values = [values_at(event, Path.of(row.source)) for event in events]
        into = schema.fields.get(compared.get(row.target, row.target))
        if not any(values):
            near = get_close_matches(row.source, {path for event in events for path in _paths(event)}, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            message = f"{row.source} is not in the sample{meant}; correct the path, or give a sample that has it"
            problems.append(Problem(f"mapping[{index}].source", message))
        elif into is not None and (why := _misfit(values, row, into, is_identity=row.target in compared)):
            message = f"the value at {row.source} does not fit {into.name}: {why}; map another source or field"
            problems.append(Problem(f"mapping[{index}].source", message))
    return problems


def sample_warnings(connection: Connection, events: Sequence[ProfileEvent]) -> list[Problem]:
    """Mapped sources of which an event of a sample has several values, where one counts."""
    identities = identity_fields(connection)
    warnings = []
    for index, row in enumerate(connection.mapping):
        path = Path.of(row.source)
        if row.join is not None or row.target in identities or path.namespace is not None:
            continue
        if any(len(values_at(event, path)) > 1 for event in events):
            message = f"{row.source} has several values in the sample, and the first is sent; choose one by an index or"
            warnings.append(Problem(f"mapping[{index}].source", f"{message} a condition in the path, or set join"))
    return warnings


def partition_problems(connection: Connection, partitions: Collection[str]) -> list[Problem]:
    """`partitions`: those that the API user sees."""
    wanted = connection.partition or DEFAULT_PARTITION
    if wanted in partitions:
        return []
    message = f"Marketo has no partition {wanted} that the API user can see{_like(wanted, partitions)}"
    return [Problem("partition", f"{message}; see the call marketo/partitions, or extend the API user's role")]


def partition_warnings(connection: Connection, partitions: Collection[str]) -> list[Problem]:
    """What it means that the API user sees only some of the partitions: every instance has Default.

    `partitions`: those that the API user sees.
    """
    if DEFAULT_PARTITION in partitions:
        return []
    hidden = f"the API user does not see the partition {DEFAULT_PARTITION}, so people are found in some partitions only"
    creates = rule_of(connection).creates
    others = "created a second time" if creates else "taken for unknown and excluded (PERSON_NOT_FOUND)"
    message = f"{hidden}; those who are in the others are {others}. Give its role access to all workspaces"
    return [Problem("partition", f"{message} and partitions")]


def workspace_problems(connection: Connection, workspaces: Collection[str]) -> list[Problem]:
    """`workspaces`: those in which the API user sees the folder for lists."""
    wanted = connection.workspace
    if wanted in workspaces:
        return []
    message = f"Marketo has no workspace {wanted} that the API user can see{_like(wanted, workspaces)}"
    return [Problem("workspace", f"{message}; see the call marketo/workspaces, or extend the API user's role")]


def _dedupe_problem(connection: Connection, name: str, schema: Schema) -> str | None:
    if name not in schema.searchable:
        what = f"{name} is not searchable" if name in schema.fields else f"Marketo has no lead field {name}"
        return f"{what}{_meant(name, dedupe_choices(schema))}; choose one of the call marketo/dedupe-fields"
    field = schema.fields.get(name)
    if field is not None and not field.is_writable and rule_of(connection).creates:
        return f"{name} is read-only, so nobody can be created with it; choose another, or update_existing_only"
    return None


def _misfit(found: Iterable[Sequence[object]], row: MappingRow, into: Field, *, is_identity: bool) -> str | None:
    """Why a value does not fit, or what the row makes of several of an event."""
    for values in found:
        try:
            for value in values if is_identity or row.join is None else [joined(values, row.join)]:
                if is_identity:
                    dedupe_value(value, into)
                elif not isinstance(value, str) or value.strip():
                    coerce(value, into)
        except InvalidValueError as error:
            return str(error)
    return None


def _meant(name: str, fields: Iterable[Field]) -> str:
    """The field that is spelled alike, by its REST name or as Marketo shows it to people."""
    spelled: dict[str, str] = {}
    for field in fields:
        spelled.setdefault(plain(field.display_name), field.name)
        spelled[plain(field.name)] = field.name
    near = get_close_matches(plain(name), spelled, n=1, cutoff=_CLOSE)
    return f" (did you mean {spelled[near[0]]}?)" if near else ""


def _like(name: str, names: Collection[str]) -> str:
    spelled = {plain(one): one for one in names}
    near = get_close_matches(plain(name), spelled, n=1, cutoff=_CLOSE)
    return f" (did you mean {spelled[near[0]]}?)" if near else ""


def _paths(event: ProfileEvent) -> Iterator[str]:
    yield from (f"identityMap.{namespace}" for namespace in event.identities)
    yield from _below(event.profile, "")


def _below(properties: Mapping[str, object], prefix: str) -> Iterator[str]:
    for name, value in properties.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _below(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from _below(value[0], f"{path}[0].")
        else:
            yield path
