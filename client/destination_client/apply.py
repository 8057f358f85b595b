"""Bring connections to what documents say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.problem import ConfigurationError
from destination_client.documents import filled
from destination_client.errors import CommandError
from destination_client.http import Api, at
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
    """The steps for a document, and the credentials for them with the environment's values."""

    wanted: Wanted
    present: Present | None
    credentials: Mapping[str, Any] | None
    steps: Sequence[Step]

    @property
    def creates(self) -> bool:
        return self.present is None


def planned(
    api: Api, documents: Sequence[Wanted], options: PlanOptions, environment: Mapping[str, str]
) -> list[Planned]:
    """Compare every document with what is there; nothing is changed. Raises CommandError."""
    listed = list(api.connections()) if any(one.id is None for one in documents) else []
    return [_planned(api, one, listed, options, environment) for one in documents]


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
) -> Planned:
    found = api.get(at(wanted.id)) if wanted.id else _named(wanted, listed)
    present = Present(found, api.get(at(found["id"], "audiences"))["audiences"]) if found else None
    try:
        steps = plan(
            wanted,
            present,
            prune=options.prune,
            give_credentials=options.give_credentials,
            same_people=options.same_people,
        )
    except ConfigurationError as error:
        raise wanted.document.refused(error.problems) from error
    credentials = None
    if wanted.credentials and any(isinstance(step, Create | GiveCredentials) for step in steps):
        credentials, missing = filled(wanted.credentials, environment, "credentials")
        if missing:
            raise wanted.document.refused(missing)
    return Planned(wanted, present, credentials, steps)


def _named(wanted: Wanted, listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    name, munchkin_id = wanted.properties["name"], wanted.properties["munchkin_id"]
    found = [one for one in listed if (one["name"], one["munchkin_id"]) == (name.strip(), munchkin_id.strip())]
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found)
        raise CommandError(f"{len(found)} connections are named {name}", f"Say which one by its id: {ids}.")
    return found[0] if found else None


def _patch(api: Api, connection: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
    changed: Mapping[str, Any] = api.call("PATCH", at(connection["id"]), patch, version=connection["version"])
    return changed


def _audience_path(connection_id: str, audience: AudienceKey) -> str:
    return at(connection_id, "audiences", activation_id(audience))
