"""Bring connections to what documents say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.problem import ConfigurationError, Problem
from destination_client.checking import Intention, refusals, top
from destination_client.documents import REFUSED, InvalidFileError, filled
from destination_client.errors import ApiRefusedError
from destination_client.http import NOT_FOUND, Api, at
from destination_client.naming import described
from destination_client.plan import (
    Activate,
    Change,
    ChangeAudience,
    Create,
    Deactivate,
    Disable,
    Enable,
    GiveCredentials,
    Present,
    Step,
    plan,
    unnamed,
)
from destination_client.wanted import Wanted


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is said of the plan beside the documents, as `plan` takes it."""

    prune: bool
    give_credentials: bool
    same_people: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """The steps for a document, and the credentials for them with the environment's values.

    `kept`: the audiences that stay although the document does not name them.
    """

    wanted: Wanted
    present: Present | None
    credentials: Mapping[str, Any] | None
    steps: Sequence[Step]
    kept: Sequence[AudienceKey]

    @property
    def creates(self) -> bool:
        return self.present is None


def planned(
    api: Api,
    documents: Sequence[Wanted],
    options: PlanOptions,
    environment: Mapping[str, str],
    unreadable: Sequence[Problem] = (),
) -> list[Planned]:
    """Compare every document with what is there, and have checked what it would make of it; nothing is changed.

    `unreadable`: what is wrong with other documents of the file. Raises CommandError; of documents that would be
    refused InvalidFileError, with all that is wrong with all of them.
    """
    listed = list(api.connections()) if any(one.id is None for one in documents) else []
    made: list[Planned] = []
    problems = [*unreadable]
    for one in documents:
        work, found = _planned(api, one, listed, options, environment)
        problems += one.document.placed([*found, *_told_before(work, made)])
        made.append(work)
    if problems:
        raise InvalidFileError(REFUSED, "Nothing was changed.", problems)
    return made


def carry_out(
    api: Api, work: Planned, *, opened: Callable[[Mapping[str, str]], None], done: Callable[[Step], None]
) -> Mapping[str, Any]:
    """Take the steps, each only if nobody changed the connection or the audience meanwhile.

    Of a new connection `opened` gets at once where to post events, and the token for it, which cannot be seen again.
    Answers the connection as it is then. Raises CommandError; steps taken until then stay, and the next run goes on.
    """
    connection: Mapping[str, Any] = work.present.connection if work.present else {}
    for step in work.steps:
        match step:
            case Create(properties):
                given = {"credentials": work.credentials} if work.credentials else {}
                connection = api.post("/connections", {**properties, **given})
                opened(connection["ingest"])
            case Change(patch):
                connection = _patch(api, connection, patch)
            case GiveCredentials():
                connection = _patch(api, connection, {"credentials": work.credentials})
            case Activate(content=content, version=version):
                api.post(at(connection["id"], "audiences"), content, version=version)
            case ChangeAudience(audience, version, patch):
                api.call("PATCH", _audience_path(connection["id"], audience), patch, version=version)
            case Deactivate(audience, version):
                api.call("DELETE", _audience_path(connection["id"], audience), version=version)
            case Enable() | Disable():
                action = "enable" if isinstance(step, Enable) else "disable"
                connection = api.post(at(connection["id"], action), version=connection["version"])
        done(step)
    return connection


def _planned(
    api: Api,
    wanted: Wanted,
    listed: Sequence[Mapping[str, Any]],
    options: PlanOptions,
    environment: Mapping[str, str],
) -> tuple[Planned, list[Problem]]:
    """The steps, and what is wrong with the document; with anything wrong there may be no steps."""
    try:
        found = _found(api, wanted, listed)
    except ConfigurationError as error:
        return Planned(wanted, None, None, (), ()), [*wanted.problems, *error.problems]
    present = Present(found, api.get(at(found["id"], "audiences"))["audiences"]) if found else None
    problems = [*wanted.problems]
    steps: Sequence[Step] = ()
    try:
        steps = plan(
            wanted,
            present,
            prune=options.prune,
            give_credentials=options.give_credentials,
            same_people=options.same_people,
        )
    except ConfigurationError as error:
        problems += error.problems
    credentials, missing = None, list[Problem]()
    if wanted.credentials and (problems or any(isinstance(step, Create | GiveCredentials) for step in steps)):
        credentials, missing = filled(wanted.credentials, environment, "credentials")
        problems += missing
        credentials = None if missing else credentials
    kept = () if options.prune else unnamed(wanted, present)
    work = Planned(wanted, present, credentials, steps, kept)
    if problems or steps:
        known = {top(one.path) for one in (*wanted.problems, *missing)}
        intended = Intention(wanted, present, credentials, prune=options.prune, same_people=options.same_people)
        problems += [one for one in refusals(api, intended) if top(one.path) not in known]
    return work, problems


def _found(api: Api, wanted: Wanted, listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The connection that a document describes; None: it is yet to be made. Raises ConfigurationError, CommandError."""
    if wanted.id is None:
        return _named(wanted, listed)
    try:
        shown: Mapping[str, Any] = api.get(at(wanted.id))
    except ApiRefusedError as error:
        if error.status != NOT_FOUND:
            raise
        raise ConfigurationError([Problem("id", "is of no connection; leave it out to make one")]) from error
    return shown


def _named(wanted: Wanted, listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    found = [one for one in listed if (one["name"], one["munchkin_id"]) == _finding(wanted)]
    if len(found) > 1:
        told = f"is that of {len(found)} connections; say which one by its id: {described(found)}"
        raise ConfigurationError([Problem("name", told)])
    return found[0] if found else None


def _finding(wanted: Wanted) -> tuple[str, str]:
    """What finds the connection of a document without an id."""
    return wanted.properties["name"].strip(), wanted.properties["munchkin_id"].strip()


def _told_before(work: Planned, others: Sequence[Planned]) -> list[Problem]:
    """What is wrong if one of the documents before is of the same connection: both cannot be so."""
    for other in others:
        if _which(other) == _which(work):
            line = other.wanted.document.lines[""]
            path = "name" if work.wanted.id is None else "id"
            return [Problem(path, f"is of the connection that the document of line {line} describes; join the two")]
    return []


def _which(work: Planned) -> object:
    """Which connection it is about, that there is or that is to be made."""
    return work.present.connection["id"] if work.present else work.wanted.id or _finding(work.wanted)


def _patch(api: Api, connection: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
    changed: Mapping[str, Any] = api.call("PATCH", at(connection["id"]), patch, version=connection["version"])
    return changed


def _audience_path(connection_id: str, audience: AudienceKey) -> str:
    return at(connection_id, "audiences", activation_id(audience))
