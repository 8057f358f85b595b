"""The command that lists who did not arrive."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from destination.api.persons import PersonOut, csv_lines
from destination_client import render
from destination_client.activations import activation_meant
from destination_client.context import Audience, ConnectionName, Json, Namespace, meant
from destination_client.http import at

_AT_ONCE: Final = 1_000


def persons(
    context: typer.Context,
    connection: ConnectionName,
    hour: Annotated[
        str, typer.Argument(metavar="RUN", help="The hour as `destination runs` shows it, such as 2026-11-21T10:00Z.")
    ],
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="OUTCOME", help="Only those who are `excluded`, or `failed`.")
    ] = None,
    code: Annotated[str | None, typer.Option("--code", help="Only those with this code.")] = None,
    audience: Audience = None,
    namespace: Namespace = None,
    file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", dir_okay=False, help="Write them to a file, as CSV.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List who did not arrive in an hour, and why."""
    api, connection_id = meant(context, connection)
    only = activation_meant(api, connection_id, audience, namespace)
    wanted = {"outcome": outcome, "code": code, "activation_id": only}
    found = api.pages(at(connection_id, "runs", hour, "persons"), "persons", **wanted)
    if file is not None:
        render.note(f"{_write(file, found)} in {file}")
    elif as_json:
        render.as_json(list(found))
    else:
        rows = [(one["person_id"] or one["pseudonym"], one["code"], _fields(one)) for one in found]
        render.table(("person", "code", "field"), rows)


def _write(file: Path, found: Iterable[dict[str, Any]]) -> int:
    """Write people as CSV; how many there were. What is refused leaves a file that is there as it is."""
    number = 0
    portions = _portions(found)
    first = list(islice(portions, 1))
    with file.open("w", encoding="utf-8", newline="") as opened:
        for part in chain(first, portions):
            opened.write(csv_lines(map(PersonOut.model_validate, part), with_header=number == 0))
            number += len(part)
        if number == 0:
            opened.write(csv_lines((), with_header=True))
    return number


def _portions(found: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rest = iter(found)
    for first in rest:
        yield list(chain([first], islice(rest, _AT_ONCE - 1)))


def _fields(person: dict[str, Any]) -> str | None:
    told = [f"{one['field']}: {one['message']}{_kind(one['value'])}" for one in person["fields"]]
    return "; ".join(told) or None


def _kind(value: str | None) -> str:
    return "" if value is None else f" ({value})"
