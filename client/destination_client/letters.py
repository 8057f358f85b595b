"""The commands for letters, events that failed: see them, have them delivered again, or discard them."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final

import typer

from destination_client import completion, render
from destination_client.context import ConnectionName, Json, chosen, meant
from destination_client.deciding import Code, Yes, confirm, decide
from destination_client.http import Api, at

AT_ONCE: Final = 8
"""How many connections are asked about at a time."""

_COLUMNS: Final = {
    "code": "code",
    "reason": "reason",
    "events": "events",
    "first_at": "first failed",
    "expires_at": "expires",
}

OneConnection = Annotated[
    str | None,
    typer.Argument(
        metavar="CONNECTION",
        help="Only the letters of this connection; left out: of all.",
        autocompletion=completion.connections,
    ),
]


def letters(context: typer.Context, connection: OneConnection = None, as_json: Json = False) -> None:
    """Show the letters, the events that failed: how many for which reason, and until when they are kept."""
    found = _of_all(chosen(context).api) if connection is None else _of_one(*meant(context, connection))
    if as_json:
        render.as_json(found if connection is None else next(iter(found.values())))
    else:
        render.table(("connection", *_COLUMNS.values()), _rows(found))


def redrive(context: typer.Context, connection: ConnectionName, code: Code = None, as_json: Json = False) -> None:
    """Have the letters of a connection delivered again, once the cause is fixed (`destination letters` names it).

    A letter that is redriven twice is delivered once. One that fails again is a letter again, and is not redriven a
    second time by this command. Exits with 1 if a letter is left.
    """
    api, connection_id = meant(context, connection)
    path = at(connection_id, "letters", "redrives")
    decide(lambda: api.post(path, {"code": code}), "letters", "redriven", as_json=as_json)


def discard(
    context: typer.Context, connection: ConnectionName, code: Code = None, yes: Yes = False, as_json: Json = False
) -> None:
    """Discard the letters of a connection: what failed stays failed, and cannot be redriven any more.

    Exits with 1 if a letter is left.
    """
    api, connection_id = meant(context, connection)
    path = at(connection_id, "letters")
    if not yes:
        confirm(lambda: f"Discard {render.counted(_count(api.get(path), code), 'letter')} of {connection_id}?")
    decide(lambda: api.call("DELETE", path, query={"code": code}), "letters", "discarded", as_json=as_json)


def _of_one(api: Api, connection_id: str) -> dict[str, Mapping[str, Any]]:
    return {connection_id: api.get(at(connection_id, "letters"))}


def _of_all(api: Api) -> dict[str, Mapping[str, Any]]:
    """The letters of every connection, by its id."""
    ids = [one["id"] for one in api.connections()]
    with ThreadPoolExecutor(AT_ONCE) as threads, render.progress("counting letters", len(ids)) as bar:
        found = bar.following(threads.map(lambda one: api.get(at(one, "letters")), ids))
    return dict(zip(ids, found, strict=True))


def _rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[list[object]]:
    for connection_id, of in found.items():
        for one in of["letters"]:
            yield [connection_id, *(one[name] for name in _COLUMNS)]


def _count(found: Mapping[str, Any], code: str | None) -> int:
    return sum(one["events"] for one in found["letters"] if code in {None, one["code"]})
