"""Documents for `apply`, from what is there and from what was somewhere else."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from destination_client.plan import Present, activation_of, configuration_of

CREDENTIALS: Final = {"client_id": "${MARKETO_CLIENT_ID}", "client_secret": "${MARKETO_CLIENT_SECRET}"}


def document_of(present: Present) -> dict[str, Any]:
    """The document that describes a connection as it is; what is at its default is left out."""
    shown = present.connection
    return {
        "id": shown["id"],
        **configuration_of(shown).model_dump(mode="json", exclude_defaults=True),
        "audiences": [activation_of(one).model_dump(mode="json", exclude_defaults=True) for one in present.audiences],
        "enabled": shown["status"] in {"enabled", "blocked"},
    }


def document_of_draft(draft: Mapping[str, Any], activations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of a connection that is yet to be made; what a person has to give is null in it."""
    rows = [_told(row) for row in draft["mapping"]]
    properties = {name: value for name, value in draft.items() if value or name in {"munchkin_id", "workspace"}}
    return {
        **properties,
        "credentials": CREDENTIALS,
        "mapping": rows,
        "audiences": [_told(one) for one in activations],
        "enabled": False,
    }


def written(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _told(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in (None, [], "ignore")}
