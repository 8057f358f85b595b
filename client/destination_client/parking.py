"""The commands for what waits of a connection: what it waits for, and to try it at once."""

from collections.abc import Mapping
from typing import Any

import typer

from destination_client import held_up, render
from destination_client.context import ConnectionName, Json, meant
from destination_client.http import at


def parking(context: typer.Context, connection: ConnectionName, as_json: Json = False) -> None:
    """Show what waits of a connection: what holds it up, and what is parked, by what it waits for.

    `disabled`, `blocked` and `paused` hold up all of it. `refused` waits for the next attempt with people whom Marketo
    refuses, `retry` for AWS, or is on its way: letters that are redriven, rows of a file. `rate` waits until as many
    leads may be created or updated again, and `import` until the import has ended that tells Marketo of these people.
    """
    api, connection_id = meant(context, connection)
    _show(api.get(at(connection_id, "parking")), as_json=as_json)


def resume(context: typer.Context, connection: ConnectionName, as_json: Json = False) -> None:
    """Try a connection at once: end the pause of its Marketo instance, and bring back all that is parked of it.

    For when the cause is mended. A disabled connection stays as it is. What comes back counts as parked until it has
    been delivered.
    """
    api, connection_id = meant(context, connection)
    found = api.post(at(connection_id, "resume"))
    _show(found, as_json=as_json)
    if found["hold"] and found["hold"]["until"]:  # until a delivery succeeds, what is shown is what was before
        render.note("it is tried now; in a moment `destination parking` says whether that mended it")


def _show(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        render.as_json(found)
        return
    for line in held_up.lines(found["hold"]) if found["hold"] else ["held up: no"]:
        render.text(line)
    if found["queued_since"] is not None:
        render.text(f"in the queue: events since {found['queued_since']}, tried again in minutes")
    render.text(f"parked: {render.counted(found['events'], 'event')}")
    if found["parked"]:
        render.text()
        names = ("waits_for", "events", "oldest_at", "due_at")
        rows = [[one[name] for name in names] for one in found["parked"]]
        render.table(("waits for", "events", "oldest", "due"), rows)
        for one in found["parked"]:
            render.text(f"{one['waits_for']}: {one['remedy']}")
