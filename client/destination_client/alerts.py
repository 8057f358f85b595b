"""The command for the alerts of a connection."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from destination_client import render
from destination_client.context import ConnectionName, Json, Wide, meant
from destination_client.errors import CommandError
from destination_client.http import at

NOTHING = "none"


def alerts(
    context: typer.Context,
    connection: ConnectionName,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="ALERT[=THRESHOLD]",
            help=f"Replace the subscriptions by this one and the others given; {NOTHING}: end all.",
        ),
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=100, help="How many changes of the history to show.")] = 20,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show or replace the alerts of a connection: which are subscribed to, where each stands, and their history."""
    api, connection_id = meant(context, connection)
    path = at(connection_id, "alerts")
    if wanted:
        api.call("PUT", path, subscriptions(wanted))
    found = api.get(path, limit=str(last))
    if as_json:
        render.as_json(found)
        return
    _table(found["alerts"], ("alert", "status", "since", "threshold", "unit", "means", "remedy"), wide=wide)
    for one in found["alerts"]:
        if one["status"] == "triggered":
            render.text()
            for line in _why(one):
                render.text(line)
    if found["history"]:
        render.text()
        _table(found["history"], ("at", "alert", "status", "value", "threshold", "unit"), wide=wide)


def subscriptions(wanted: list[str]) -> list[dict[str, Any]]:
    """As they are sent. Raises CommandError for a threshold that is no number; all else the stack knows better."""
    if wanted == [NOTHING]:
        return []
    made = []
    for one in wanted:
        alert, _, threshold = one.partition("=")
        try:
            made.append({"alert": alert} | ({"threshold": float(threshold)} if threshold else {}))
        except ValueError as error:
            raise CommandError(f"{threshold} is not a threshold", f"{alert} takes a number.") from error
    return made


def _why(alert: Mapping[str, Any]) -> Iterator[str]:
    """What a triggered alert is based on, and what to do; each line begins with what it is about."""
    yield f"{alert['alert']}: since {alert['since']}"
    if alert["cause"] is not None:
        yield f"  because: {alert['cause']}"
    if alert["until"] is not None:
        yield f"  tried again: {alert['until']}"
    for one in alert["reasons"]:
        yield f"  {one['count']} {one['code']}: {one['message']}"
    for one in alert["audiences"]:
        yield f"  audience: {one['name']}, {one['count']}"
    yield f"  to do: {alert['remedy']}"


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, wide: bool) -> None:
    shown = [[one[name] for name in columns] for one in rows]
    render.table(columns, shown, beside=("unit", "means", "remedy"), wide=wide)
