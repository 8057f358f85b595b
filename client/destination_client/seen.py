"""The command for what a connection was sent lately, from which its mapping and its audiences are chosen."""

from collections.abc import Mapping
from typing import Any

import typer

from destination_client import render
from destination_client.context import ConnectionName, Json, meant
from destination_client.http import at


def seen(context: typer.Context, connection: ConnectionName, as_json: Json = False) -> None:
    """Show which attributes, identities and audiences came within seven days, by their names, never their values.

    What is sent to a draft is refused, and seen all the same. Sources are written as mapping rows have them. In and
    out: how often somebody entered the audience, or left it.
    """
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id, "seen"))
    if as_json:
        render.as_json(found)
        return
    if not found["events"]:
        render.text("nothing was sent within seven days")
        return
    came = render.counted(found["events"], "event")
    render.text(f"since {found['since']}: {came}; sources are those of {found['sampled_events']} of them")
    _tables(found)
    if found["unnamed_events"]:
        render.text(f"\nkeys that may be values are not shown, in {render.counted(found['unnamed_events'], 'event')}")
    if found["truncated"]:
        render.text("\nthere was more; what came most often is shown")


def _tables(found: Mapping[str, Any]) -> None:
    sources = [*found["attributes"], *({**one, "types": {}} for one in found["identities"])]
    if sources:
        render.text()
        names = ("source", "type", "events", "last seen", "mapped")
        render.table(
            names,
            [[one["path"], _types(one["types"]), one["events"], _day(one), one["mapped"]] for one in sources],
        )
    if found["audiences"]:
        render.text()
        render.table(
            ("audience", "namespace", "name", "in / out", "activated"),
            [
                [
                    one["id"],
                    one["namespace"],
                    one["name"],
                    f"{one['realized']} / {one['exited']}",
                    one["activated"],
                ]
                for one in found["audiences"]
            ],
        )


def _types(types: Mapping[str, int]) -> str | None:
    """The one that came most often first; None: it has none."""
    return ", ".join(sorted(types, key=lambda name: (-types[name], name))) or None


def _day(one: Mapping[str, Any]) -> str:
    day, _, _ = one["last_seen"].partition("T")
    return str(day)
