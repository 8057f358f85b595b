"""The commands for what waits of a connection: what it waits for, and to try it at once."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from destination_client import render
from destination_client.context import ConnectionId, Json, chosen
from destination_client.http import at


def parking(context: typer.Context, connection_id: ConnectionId, as_json: Json = False) -> None:
    """Show what waits of a connection: what holds it up, and what is parked, by what it waits for."""
    _show(chosen(context).api.get(at(connection_id, "parking")), as_json=as_json)


def resume(context: typer.Context, connection_id: ConnectionId, as_json: Json = False) -> None:
    """Try a connection at once: end the pause of its Marketo instance, and bring back all that is parked of it.

    For when the cause is mended. A disabled connection stays as it is. What comes back counts as parked until it has
    been delivered.
    """
    _show(chosen(context).api.post(at(connection_id, "resume")), as_json=as_json)


def _show(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        render.as_json(found)
        return
    for line in _held_up(found["hold"]):
        render.text(line)
    if found["queued_since"] is not None:
        render.text(f"in the queue: events since {found['queued_since']}, tried again in minutes")
    render.text(f"parked: {found['events']} events")
    if found["parked"]:
        render.text()
        names = ("waits_for", "events", "oldest_at", "due_at")
        rows = [[one[name] for name in names] for one in found["parked"]]
        render.table(("waits for", "events", "oldest", "due"), rows)


def _held_up(hold: Mapping[str, Any] | None) -> Iterator[str]:
    if hold is None:
        yield "held up: no"
        return
    yield f"held up: {hold['waits_for']}"
    yield f"because: {hold['cause']}"
    if hold["since"]:
        yield f"since: {hold['since']}"
    yield f"tried again: {hold['until'] or 'once it is enabled'}"
    yield f"to do: {hold['remedy']}"
