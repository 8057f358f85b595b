"""Documents for `apply`, from what is there and from what was somewhere else."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from destination_client.documents import JSON_SCALARS, literal
from destination_client.plan import Present, activation_of, configuration_of

CREDENTIALS: Final = {"client_id": "${MARKETO_CLIENT_ID}", "client_secret": "${MARKETO_CLIENT_SECRET}"}


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or JSON takes for something else than a string, so that every reader takes it for one."""


for _tag, _pattern, _first in JSON_SCALARS:
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def document_of(present: Present) -> dict[str, Any]:
    """The document that describes a connection as it is; what is at its default is left out."""
    shown = present.connection
    configuration = configuration_of(shown).model_dump(mode="json", exclude_defaults=True)
    audiences = [activation_of(one).model_dump(mode="json", exclude_defaults=True) for one in present.audiences]
    return {
        "id": shown["id"],
        **literal(configuration),
        "audiences": literal(audiences),
        "enabled": shown["status"] in {"enabled", "blocked"},
    }


def document_of_draft(draft: Mapping[str, Any], activations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of a connection that is yet to be made; what a person has to give is null in it."""
    rows = [_told(row) for row in draft["mapping"]]
    properties = {name: value for name, value in draft.items() if value or name in {"munchkin_id", "workspace"}}
    return {
        **literal(properties),
        "credentials": CREDENTIALS,
        "mapping": literal(rows),
        "audiences": literal([_told(one) for one in activations]),
        "enabled": False,
    }


def written(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _told(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in (None, [], "ignore")}
