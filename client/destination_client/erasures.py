"""The commands that have a person forgotten, and show what was."""

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from destination_client import render
from destination_client.context import FAILED, ConnectionName, Json, meant
from destination_client.deciding import Yes, confirm
from destination_client.http import Api, at
from destination_client.people import FROM_STDIN, Source, Value, read_value

WAIT_SECONDS = 5.0

_COUNTS: Final = {
    "ledger_rows": ("row of the ledger", "rows of the ledger"),
    "parked_events": ("parked event",),
    "letters": ("letter",),
    "results": ("time among those who did not arrive", "times among those who did not arrive"),
    "run_examples": ("time an example in a run", "times an example in a run"),
}


def erase(
    context: typer.Context,
    connection: ConnectionName,
    value: Value,
    source: Source = None,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end, and show what was forgotten.")] = False,
    as_json: Json = False,
) -> None:
    """Have a person forgotten: off all lists, out of the ledger, out of what is parked or failed.

    What was received before is dropped for 60 days, wherever it waits; what comes later is of a new person. The lead
    stays in Marketo. `destination erasure` shows how far it came.
    """
    api, connection_id = meant(context, connection)
    if not yes:
        confirm(lambda: f"Forget the person with this value at {connection_id}? It cannot be taken back.")
    given = read_value() if value == FROM_STDIN else value
    made = api.post(at(connection_id, "people", "erasures"), {"value": given, "source": source})
    if wait:
        made = _finished(api, connection_id, made)
    _show(made, connection_id, as_json=as_json)
    if made["status"] == "failed":
        raise typer.Exit(FAILED)


def erasure(
    context: typer.Context,
    connection: ConnectionName,
    erasure_id: Annotated[str, typer.Argument(metavar="ERASURE", help="The id that `destination erase` showed.")],
    as_json: Json = False,
) -> None:
    """Show how far an erasure came, and what was forgotten."""
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id, "people", "erasures", erasure_id))
    _show(found, connection_id, as_json=as_json)


def _finished(api: Api, connection_id: str, made: dict[str, Any]) -> dict[str, Any]:
    with render.progress("forgetting"):
        while made["status"] == "requested":
            time.sleep(WAIT_SECONDS)
            made = api.get(at(connection_id, "people", "erasures", made["id"]))
    return made


def _show(made: Mapping[str, Any], connection_id: str, *, as_json: bool) -> None:
    if as_json:
        render.as_json(made)
        return
    for line in _page(made, connection_id):
        render.text(line)


def _page(made: Mapping[str, Any], connection_id: str) -> Iterator[str]:
    yield f"{made['id']}: {made['status']}"
    if held_up := made["held_up"]:
        yield f"  {held_up['code']}: {held_up['message']}"
    for left in made["lists"]:
        yield f"  off list {left['list_id']} of audience {left['id']}: {render.counted(left['leads'], 'lead')}"
    for name, what in _COUNTS.items():
        if made[name]:
            yield f"  {render.counted(made[name], *what)}"
    yield f"  what was received before {made['requested_at']} is dropped until {made['drops_until']}"
    if made["status"] == "requested":
        yield f"  it goes on by itself; see: destination erasure {connection_id} {made['id']}"
