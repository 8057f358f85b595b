"""The command that writes the configuration of a private card for Adobe's own interface. It calls nobody at Adobe."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from destination_client import events, render
from destination_client.adobe_configuration import (
    PROFILES_TEMPLATE,
    Aggregation,
    Authentication,
    AuthoringCall,
    Card,
    FieldsFrom,
    calls,
    files,
)
from destination_client.context import ConnectionName, meant
from destination_client.errors import CommandError
from destination_client.http import Api, at

AUTHORING: Final = "https://platform.adobe.io/data/core/activation/authoring"
SCRIPT: Final = "create.sh"
RENDERED: Final = "rendered.json"
SOURCE_FORMAT: Final = "adobe_sdk"


class AudiencesFrom(StrEnum):
    """Who activates audiences: operators, before Adobe sends any of them; or Adobe, by calls to the stack."""

    OPERATORS = "operators"
    ADOBE = "adobe"


def adobe_card(
    context: typer.Context,
    connection: ConnectionName,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", file_okay=False, help="Where the files are written.")
    ] = None,
    aggregation: Annotated[
        Aggregation,
        typer.Option("--for", help="latency: up to 100 profiles a request, at once. volume: 1,000, or after 301 s."),
    ] = Aggregation.LATENCY,
    authentication: Annotated[
        Authentication, typer.Option("--auth", help="bearer: the ingest token. oauth2: the stack's token endpoint.")
    ] = Authentication.BEARER,
    fields_from: Annotated[
        FieldsFrom,
        typer.Option("--fields", help="listed: Marketo's, as they are now. live: asked each time. free: typed in."),
    ] = FieldsFrom.LISTED,
    audiences_from: Annotated[
        AudiencesFrom, typer.Option("--audiences", help="operators: activated before. adobe: by Adobe's calls.")
    ] = AudiencesFrom.OPERATORS,
    rendered: Annotated[
        Path | None,
        typer.Option(
            "--rendered",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Look at Adobe's answer to template-test.json instead of writing files.",
        ),
    ] = None,
) -> None:
    """Write the Destination SDK configuration of a private card for Adobe's own interface.

    Nothing is sent to Adobe, and no secret is written.
    """
    if rendered is not None:
        _look_at(events.content_of(rendered), rendered)
        return
    if out is None:
        raise typer.BadParameter("is needed to write files.", param_hint="--out")
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id))
    card = Card(
        url=api.url.rstrip("/"),
        name=f"Marketo: {found['name']}",
        aggregation=aggregation,
        authentication=authentication,
        fields_from=fields_from,
        fields=_fields(api, connection_id) if fields_from is FieldsFrom.LISTED else (),
        tells_audiences=audiences_from is AudiencesFrom.ADOBE,
    )
    write(card, out)
    _tell(card, out, found)


def write(card: Card, folder: Path) -> None:
    """The files of a card, and a script with the calls that make it. Raises CommandError if they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files(card).items():
            (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        script = folder / SCRIPT
        script.write_text(creating(calls(card)), encoding="utf-8")
        script.chmod(0o755)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written", str(error)) from error


def creating(made: Sequence[AuthoringCall]) -> str:
    """The calls as a shell script; each id goes into the files after it."""
    ids = [one.makes for one in made if one.makes]
    filled = " ".join(f'-e "s/{name}/${{{name}:-}}/g"' for name in ids)
    steps = "\n".join(_step(one) for one in made)
    return _SCRIPT.format(authoring=AUTHORING, filled=filled, steps=steps)


def _step(one: AuthoringCall) -> str:
    posted = f"post {one.path} {one.file}\n"
    if one.makes is None:
        return f"{posted}mv answer.json {RENDERED}\necho '{one.file}: {RENDERED}'"
    return f'{posted}{one.makes}=$(made {one.file})\necho "{one.file}: ${one.makes}"'


def _fields(api: Api, connection_id: str) -> list[dict[str, Any]]:
    """Marketo's fields that can be targets."""
    return [one for one in api.get(at(connection_id, "marketo", "fields"))["fields"] if one["writable"]]


def _tell(card: Card, folder: Path, connection: dict[str, Any]) -> None:
    made = calls(card)
    contents = {name: json.dumps(content) for name, content in files(card).items()}
    users = {one.makes: [name for name, text in contents.items() if one.makes and one.makes in text] for one in made}
    render.table(
        ("step", "file", "what", "POST to", "the answer's instanceId is", "in"),
        [
            (number, one.file, one.what, one.path, one.makes, ", ".join(users[one.makes]) or None)
            for number, one in enumerate(made, 1)
        ],
    )
    render.text()
    render.text(f"The calls go to {AUTHORING}, in this order; {folder / SCRIPT} makes them.")
    render.text("It reads ADOBE_TOKEN, ADOBE_API_KEY, ADOBE_ORG_ID and ADOBE_SANDBOX from the environment.")
    render.text(f"In the card's form, Connection ID is {connection['id']}")
    if card.authentication is Authentication.OAUTH2:
        render.text(
            f"Its client id and client secret are what `destination sender-credentials {connection['id']}` shows."
        )
    for warning in _warnings(card, connection):
        render.text(warning, style="yellow")


def _warnings(card: Card, connection: dict[str, Any]) -> list[str]:
    found = []
    if not card.url.startswith("https://"):
        found.append(f"Adobe cannot reach {card.url}: write the files for a stack in AWS.")
    if connection["source"]["format"] != SOURCE_FORMAT:
        found.append(
            f"The connection reads {connection['source']['format']}: set its source.format to {SOURCE_FORMAT}."
        )
    called = {"source/fields": card.fields_from is FieldsFrom.LIVE, "source/audiences": card.tells_audiences}
    paths = [path for path, is_called in called.items() if is_called]
    if paths and connection["source"]["calls"] is None:
        found.append(
            f"The card calls {', '.join(paths)}, and the connection takes no calls: set its source.calls to {{}}."
        )
    return found


def _look_at(answer: Any, file: Path) -> None:
    """Whether Adobe's rendering of the template holds the very profiles that it was given."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not results:
        raise CommandError(f"{file} is no answer to a rendering", f"It has no results; {PROFILES_TEMPLATE} was sent.")
    for number, one in enumerate(results):
        try:
            printed = json.loads(one["output"])["profiles"]
        except (ValueError, KeyError, TypeError) as error:
            detail = "The template does not print JSON there; docs/adobe-card.md says what to change."
            raise CommandError(f"{file}: results[{number}].output cannot be read", detail) from error
        if printed != one.get("profiles"):
            detail = "Compare output with profiles; docs/adobe-card.md says what a source has to find in them."
            raise CommandError(f"{file}: results[{number}] prints other profiles than it was given", detail)
    render.text(f"{len(results)} results: the template prints the profiles as they are")


_SCRIPT: Final = """\
#!/bin/sh
# Makes the card at Adobe, by the calls of Destination SDK's authoring API in their order. Run it once: each run makes
# another card. It needs curl, and in the environment ADOBE_TOKEN (an access token), ADOBE_API_KEY, ADOBE_ORG_ID and
# ADOBE_SANDBOX, of a project of Adobe's Developer Console with the permission Destination Authoring.
set -eu
cd "$(dirname "$0")"
: "${{ADOBE_TOKEN:?}}" "${{ADOBE_API_KEY:?}}" "${{ADOBE_ORG_ID:?}}" "${{ADOBE_SANDBOX:?}}"
trap 'rm -f filled.json answer.json' EXIT

post() {{ # post PATH FILE: into answer.json
    sed {filled} "$2" > filled.json
    printf 'Authorization: Bearer %s\\n' "$ADOBE_TOKEN" | curl --silent --show-error --fail-with-body \\
        --header @- --header "x-api-key: $ADOBE_API_KEY" --header "x-gw-ims-org-id: $ADOBE_ORG_ID" \\
        --header "x-sandbox-name: $ADOBE_SANDBOX" --header 'Content-Type: application/json' \\
        --data-binary @filled.json --output answer.json "{authoring}/$1" || refused "$2"
}}

refused() {{ # refused FILE
    if [ -e answer.json ]; then cat answer.json >&2; fi
    echo "$1 was refused; what was made before it stays, so go on by hand" >&2
    exit 1
}}

made() {{ # made FILE: the id of what was made of it
    id=$(grep -o '"instanceId" *: *"[^"]*"' answer.json | head -n 1 | cut -d '"' -f 4)
    [ -n "$id" ] || refused "$1"
    echo "$id"
}}

{steps}
"""
