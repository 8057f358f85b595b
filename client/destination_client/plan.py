"""What has to be done so that a connection is as wanted. Pure: what is present goes in, the steps come out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from destination.api.audiences import AudienceIn
from destination.api.connections import Configuration, ConnectionIn
from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.audience_rules import activation_change_problems, activation_problems
from destination.domain.connection import OPEN, Connection, Status
from destination.domain.connection_rules import change_problems, connection_problems
from destination.domain.matching import rule_of
from destination.domain.problem import ConfigurationError, Problem, refuse
from destination.domain.times import parse_time
from destination_client.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Difference:
    """A property that changes. Of a list, what leaves it and what is added."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Present:
    """A connection and its audiences, as the control plane shows them."""

    connection: Mapping[str, Any]
    audiences: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Create:
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    patch: Mapping[str, Any]
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class GiveCredentials:
    pass


@dataclass(frozen=True, slots=True)
class Activate:
    """`version`: of the audience that is there without a list; None: it is not there."""

    audience: AudienceKey
    content: Mapping[str, Any]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeAudience:
    audience: AudienceKey
    version: int
    patch: Mapping[str, Any]
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Deactivate:
    audience: AudienceKey
    version: int


@dataclass(frozen=True, slots=True)
class Enable:
    pass


@dataclass(frozen=True, slots=True)
class Disable:
    pass


Step = Create | Change | GiveCredentials | Activate | ChangeAudience | Deactivate | Enable | Disable


def plan(
    wanted: Wanted,
    present: Present | None,
    *,
    prune: bool = False,
    give_credentials: bool = False,
    same_people: bool = False,
) -> tuple[Step, ...]:
    """The steps, in the order in which they are taken; none if all is as wanted.

    Credentials cannot be read, so they cannot be compared: they are given to a new connection, to a draft that is not
    as wanted yet, and where `give_credentials` says so. Audiences that are not wanted stay unless `prune` is said.
    `same_people`: other sources of the identities give the same people the same values.

    Raises ConfigurationError for all that the control plane would refuse, with the paths of the document.
    """
    problems: list[Problem] = []
    if give_credentials and wanted.credentials is None:
        problems.append(Problem("credentials", "must be in the file, as --credentials is given"))
    if present is None:
        return _creation(wanted, problems, prune=prune)
    status = Status(present.connection["status"])
    if status is Status.DELETING:
        raise ConfigurationError([Problem("name", "names a connection that is being deleted; wait until it is gone")])
    changes, configured = _changes(wanted, present, problems, same_people=same_people)
    gives_lists = configured is not None and _gives_lists(present, configured)
    raised = {key_of(one): one["version"] + 1 for one in present.audiences if gives_lists and one["list"] is None}
    there = {key_of(one): {**one, "version": raised.get(key_of(one), one["version"])} for one in present.audiences}
    audiences = [*_audience_steps(wanted, configured, there, problems, prune=prune, bound=raised.keys())]
    refuse(problems)
    disable = [Disable()] if wanted.enabled is False and status in OPEN else []
    enable = [Enable()] if wanted.enabled and status not in OPEN else []
    unfinished = status is Status.DRAFT and bool(changes or audiences or enable)
    credentials = [GiveCredentials()] if wanted.credentials and (give_credentials or unfinished) else []
    return (*disable, *changes, *credentials, *audiences, *enable)


def intended_audiences(wanted: Wanted, present: Present | None, *, prune: bool) -> list[AudienceIn] | None:
    """All audiences that the connection would have; None: the document leaves them alone.

    Raises ConfigurationError.
    """
    if wanted.audiences is None:
        return None
    there = {key_of(one): activation_of(one) for one in (present.audiences if present else ())}
    named = {
        key: there[key].patched(content) if key in there else AudienceIn.read(content)
        for content in wanted.audiences
        if (key := named_key(content)) is not None
    }
    return [*named.values(), *(one for key, one in there.items() if key not in named and not prune)]


def _creation(wanted: Wanted, problems: list[Problem], *, prune: bool) -> tuple[Step, ...]:
    properties = {name: value for name, value in wanted.properties.items() if value is not None}
    configured = None
    with _into(problems):
        configured = ConnectionIn.read(properties).draft()
        refuse(connection_problems(configured))
    audiences = [*_audience_steps(wanted, configured, {}, problems, prune=prune)]
    refuse(problems)
    return (Create(properties), *audiences, *([Enable()] if wanted.enabled else []))


def differences(before: object, after: object, path: str = "") -> Iterator[Difference]:
    """What is not the same in two representations, property by property."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list) and before != after:
        gone, new = [one for one in before if one not in after], [one for one in after if one not in before]
        yield Difference(path, gone or (None if new else before), new or (None if gone else after))
    elif before != after:
        yield Difference(path, before, after)


def configuration_of(shown: Mapping[str, Any]) -> ConnectionIn:
    """What is configured of a connection, as it would be sent, from how it is shown."""
    return ConnectionIn.read({name: value for name, value in shown.items() if name in Configuration.model_fields})


def activation_of(shown: Mapping[str, Any]) -> AudienceIn:
    """An audience as it would be sent, from how it is shown."""
    properties = {name: value for name, value in shown.items() if name in AudienceIn.model_fields}
    return AudienceIn.read(properties | {"list": shown["list"] and {"id": shown["list"]["id"]}})


def _changes(
    wanted: Wanted, present: Present, problems: list[Problem], *, same_people: bool
) -> tuple[list[Change], Connection | None]:
    """The change of the connection, and how it is configured then; None: that cannot be read."""
    before = configuration_of(present.connection)
    try:
        after = before.patched(wanted.properties)
    except ConfigurationError as error:
        problems += error.problems
        return [], None
    configured = after.draft()
    delivered_at = present.connection["delivered_at"]
    was = replace(before.draft(), delivered_at=delivered_at and parse_time(delivered_at))
    has_lists = any(one["list"] is not None for one in present.audiences)
    problems += change_problems(was, configured, has_lists=has_lists, same_people=same_people)
    problems += connection_problems(configured)
    found = [*differences(before.model_dump(mode="json"), after.model_dump(mode="json"))]
    changed = {_first(one.path) for one in found}
    patch = {name: value for name, value in wanted.properties.items() if name in changed}
    said = {"same_people": True} if same_people and "mapping" in patch else {}
    return ([Change(patch | said, found)] if found else []), configured


def _gives_lists(present: Present, configured: Connection) -> bool:
    """Whether the change of the connection gives each audience without a list its own, and so raises its version."""
    before = configuration_of(present.connection).draft()
    comes_to_keep_lists = rule_of(configured).keeps_lists and not rule_of(before).keeps_lists
    return comes_to_keep_lists and present.connection["status"] in OPEN


def _audience_steps(
    wanted: Wanted,
    connection: Connection | None,
    present: Mapping[AudienceKey, Mapping[str, Any]],
    problems: list[Problem],
    *,
    prune: bool,
    bound: Collection[AudienceKey] = (),
) -> Iterator[Activate | ChangeAudience | Deactivate]:
    """`bound`: the audiences that have got their lists by then; `connection` None: it cannot be read."""
    if wanted.audiences is None:
        return
    named: dict[AudienceKey, int] = {}
    for index, content in enumerate(wanted.audiences):
        with _into(problems, f"audiences[{index}]."):
            key, step = _audience_step(content, connection, present, bound)
            if key in named:
                problems.append(Problem(f"audiences[{index}]", f"is the same as audiences[{named[key]}]"))
            elif step is not None:
                yield step
            named.setdefault(key, index)
    if prune:
        yield from (Deactivate(key, shown["version"]) for key, shown in present.items() if key not in named)


def unnamed(wanted: Wanted, present: Present | None) -> list[AudienceKey]:
    """The activated audiences that a document with audiences does not name: they stay, unless the plan prunes them."""
    if wanted.audiences is None or present is None:
        return []
    named = {named_key(content) for content in wanted.audiences}
    return [key for key in map(key_of, present.audiences) if key not in named]


def _audience_step(
    content: Mapping[str, Any],
    connection: Connection | None,
    present: Mapping[AudienceKey, Mapping[str, Any]],
    bound: Collection[AudienceKey],
) -> tuple[AudienceKey, Activate | ChangeAudience | None]:
    try:
        key = _key(content)
    except ConfigurationError:
        AudienceIn.read({"name": "-", **content})  # tells all that is wrong with it, not only with its key
        raise
    shown = present.get(key)
    keeps_lists = connection is not None and rule_of(connection).keeps_lists
    if shown is None or (shown["list"] is None and key not in bound and keeps_lists):
        activation = AudienceIn.read(content).activation()
        refuse(activation_problems(connection, activation) if connection else [])
        return key, Activate(key, content, shown["version"] if shown else None)
    before = activation_of(shown)
    after = before.patched(content)
    refuse(activation_change_problems(before.activation(), after.activation()))
    found = [*differences(before.model_dump(mode="json"), after.model_dump(mode="json"))]
    changed = {_first(one.path) for one in found}
    patch = {name: value for name, value in content.items() if name in changed}
    return key, ChangeAudience(key, shown["version"], patch, found) if found else None


def key_of(audience: Mapping[str, Any]) -> AudienceKey:
    return AudienceKey(audience["namespace"] or ANY_NAMESPACE, audience["id"])


def _key(content: Mapping[str, Any]) -> AudienceKey:
    """Which audience a document means. Raises ConfigurationError when it does not say so."""
    named = {name: content[name] for name in ("id", "namespace") if name in content}
    return AudienceIn.read(named | {"name": "-"}).activation().audience


def named_key(content: Mapping[str, Any]) -> AudienceKey | None:
    """The same; None, where it does not say so."""
    try:
        return _key(content)
    except ConfigurationError:
        return None


@contextmanager
def _into(problems: list[Problem], within: str = "") -> Iterator[None]:
    """Add what the block refuses to the problems, so that all are told at once; `within`: where its paths begin."""
    try:
        yield
    except ConfigurationError as error:
        problems += [Problem(f"{within}{one.path}".removesuffix("."), one.message) for one in error.problems]


def _first(path: str) -> str:
    return path.split(".", 1)[0]
