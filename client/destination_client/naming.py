"""What people call things, and the ids that are meant by it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from destination_client.errors import CommandError
from destination_client.http import Api

CONNECTION_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The form of a connection's id, which nobody has to be asked about."""


def connection_meant(api: Api, given: str) -> str:
    """The id of the connection that is called so: by its name without regard to case, else by what its id begins
    with.

    Raises CommandError when there is none, or when there are several, which it lists.
    """
    if CONNECTION_ID.fullmatch(given):
        return given
    listed = list(api.connections())
    found = named(given, listed) or [one for one in listed if given and one["id"].startswith(given.lower())]
    if len(found) == 1:
        return str(found[0]["id"])
    if not found:
        raise CommandError(f"No connection is called {given}", "`destination list` shows their names and ids.")
    raise CommandError(f"{len(found)} connections are called {given}", f"Say which one by its id: {described(found)}.")


def described(connections: Sequence[Mapping[str, Any]]) -> str:
    """Connections, told apart."""
    return "; ".join(f"{one['id']} ({one['name']}, {one['munchkin_id']})" for one in connections)


def named(given: str, listed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of this name, without regard to case and surrounding space."""
    return [one for one in listed if one["name"].strip().casefold() == given.strip().casefold()]
