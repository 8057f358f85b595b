"""What a document wants of a connection."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination.api.connections import ConnectionIn
from destination.domain.problem import Problem
from destination_client.documents import Document, InvalidFileError, filled, references
from destination_client.naming import CONNECTION_ID

OWN: Final = ("id", "audiences", "enabled")
"""Properties of a document that are none of the connection's representation."""


IDENTIFYING: Final = ("id", "name", "munchkin_id")
"""Properties that say which connection is meant."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A connection as a document describes it. What it does not name stays as it is.

    `id` is that of the connection, if the document has it; else `name` and `munchkin_id` find it. `credentials` are as
    they are written, with their references to the environment. `audiences`: None leaves them alone.
    """

    document: Document
    id: str | None
    properties: Mapping[str, Any]
    credentials: Mapping[str, Any] | None
    audiences: Sequence[Mapping[str, Any]] | None
    enabled: bool | None
    problems: Sequence[Problem] = ()
    """What the document says that nothing can be made of; the rest is as if it did not say it."""

    @property
    def name(self) -> str:
        return str(self.properties.get("name") or self.id)


def all_wanted(documents: Sequence[Document], environment: Mapping[str, str]) -> tuple[list[Wanted], list[Problem]]:
    """Read the documents of a file, and what is wrong, with its lines, with those that name no connection."""
    found: list[Wanted] = []
    problems: list[Problem] = []
    for one in documents:
        try:
            found.append(wanted(one, environment))
        except InvalidFileError as error:
            problems += error.problems
    return found, problems


def wanted(document: Document, environment: Mapping[str, str]) -> Wanted:
    """Read a document. Raises InvalidFileError when it does not say which connection it describes."""
    plain = {name: value for name, value in document.content.items() if name != "credentials"}
    content, problems = filled(plain, environment)
    problems += [*_unknown(document.content), *_misshapen(content), *_open_secrets(document.content.get("credentials"))]
    if any(one.path in IDENTIFYING for one in problems):
        raise document.refused(problems)
    bad = {one.path for one in problems}
    usable = {name: value for name, value in content.items() if name not in bad}
    return Wanted(
        document=document,
        id=usable.get("id"),
        properties={name: value for name, value in usable.items() if name not in OWN},
        credentials=None if bad & {"credentials", "credentials.client_secret"} else document.content.get("credentials"),
        audiences=None if any(path.startswith("audiences") for path in bad) else usable.get("audiences"),
        enabled=usable.get("enabled"),
        problems=problems,
    )


def _unknown(content: Mapping[str, Any]) -> Iterator[Problem]:
    known = [*ConnectionIn.model_fields, *OWN]
    for name in content:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield Problem(name, "is not a known property; " + (f"did you mean {near[0]}?" if near else "leave it out"))


def _misshapen(content: Mapping[str, Any]) -> Iterator[Problem]:
    if "id" in content:
        if not isinstance(content["id"], str) or not CONNECTION_ID.fullmatch(content["id"]):
            yield Problem("id", "must be the id of a connection, as `destination list` shows it")
    else:
        yield from (
            Problem(name, "must be given, as it finds the connection; or give its id")
            for name in ("name", "munchkin_id")
            if not isinstance(content.get(name), str)
        )
    if not isinstance(content.get("enabled", True), bool):
        yield Problem("enabled", "must be true or false")
    audiences = content.get("audiences", [])
    if not isinstance(audiences, list):
        yield Problem("audiences", "must be a list")
        return
    yield from (
        Problem(f"audiences[{index}]", "must be an object")
        for index, one in enumerate(audiences)
        if not isinstance(one, dict)
    )


def _open_secrets(credentials: object) -> Iterator[Problem]:
    """A file is kept where others read it, so that it names the secret and does not have it."""
    if credentials is None:
        return
    if not isinstance(credentials, dict):
        yield Problem("credentials", "must be an object")
        return
    secret = credentials.get("client_secret")
    if not isinstance(secret, str) or not references(secret):
        message = (
            "must name an environment variable, as in ${MARKETO_CLIENT_SECRET}; a secret does not belong in a file"
        )
        yield Problem("credentials.client_secret", message)
