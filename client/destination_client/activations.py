"""Which activation of a connection is meant, by its id or by its audience."""

import re
from typing import Final

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from destination_client.errors import CommandError
from destination_client.http import Api, at

_ACTIVATION_ID: Final = re.compile(r"[0-9a-f]{12}")


def activation_meant(api: Api, connection_id: str, audience: str | None, namespace: str | None) -> str | None:
    """The activation id of an audience, which may be deactivated; None: all are meant.

    `audience`: the activation id, or the audience's own; `namespace`: where several have the same. Raises CommandError.
    """
    if audience is None:
        if namespace is not None:
            raise CommandError("--namespace needs --audience", "Give both, or neither.")
        return None
    listed = api.get(at(connection_id, "audiences"))["audiences"]
    found = [one for one in listed if audience in (one["activation_id"], one["id"])]
    if namespace is not None:
        found = [one for one in found if one["namespace"] == namespace.lower()]
    if len(found) > 1:
        those = ", ".join(f"{one['activation_id']} ({one['namespace'] or 'any namespace'})" for one in found)
        raise CommandError(f"{len(found)} audiences have the id {audience}.", f"Give --namespace, or one of: {those}.")
    if found:
        return str(found[0]["activation_id"])
    if _ACTIVATION_ID.fullmatch(audience):
        return audience
    return activation_id(AudienceKey((namespace or ANY_NAMESPACE).lower(), audience))
