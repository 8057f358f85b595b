"""Which activation of a connection is meant, by its id or by its audience."""

import re
from typing import Final

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from destination_client import render
from destination_client.errors import CommandError
from destination_client.http import Api, at
from destination_client.naming import named

_ACTIVATION_ID: Final = re.compile(r"[0-9a-f]{12}")


def activation_meant(api: Api, connection_id: str, audience: str | None, namespace: str | None) -> str | None:
    """The activation id of an audience, which may be deactivated; None: all are meant.

    `audience`: the activation id, the audience's own, or its name; `namespace`: where several have the same. Raises
    CommandError.
    """
    if audience is None:
        if namespace is not None:
            raise CommandError("--namespace needs --audience", "Give both, or neither.")
        return None
    listed = api.get(at(connection_id, "audiences"))["audiences"]
    if namespace is not None:
        listed = [one for one in listed if one["namespace"] == namespace.lower()]
    found = [one for one in listed if audience in (one["activation_id"], one["id"])] or named(audience, listed)
    if len(found) > 1:
        those = ", ".join(
            f"{one['activation_id']} ({one['name']}, {one['namespace'] or 'any namespace'})" for one in found
        )
        raise CommandError(f"{len(found)} audiences are called {audience}", f"Give --namespace, or one of: {those}.")
    if found:
        return str(found[0]["activation_id"])
    render.note(f"no audience is called {audience}; it is taken for the id of one that was deactivated", style="yellow")
    if _ACTIVATION_ID.fullmatch(audience):
        return audience
    return activation_id(AudienceKey((namespace or ANY_NAMESPACE).lower(), audience))
