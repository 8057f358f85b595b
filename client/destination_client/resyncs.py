"""The commands for resyncs: open one before everybody is sent again, see how far it is, close, approve or cancel it."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from destination.domain.resync import DEFAULT_OPEN, DEFAULT_QUIET, ENDED, ResyncHold
from destination_client import render
from destination_client.activations import activation_meant
from destination_client.context import FAILED, ConnectionName, Json, Namespace, examples, meant
from destination_client.deciding import Yes, confirm, tell_holds
from destination_client.http import Api, at

WAIT_SECONDS: Final = 10.0

HOLDS: Final[Mapping[str, str]] = {
    ResyncHold.FIRST: "an audience of which people would leave had no resync before",
    ResyncHold.SMALLER: "fewer than half of the members of an audience were named",
    ResyncHold.NOBODY_NAMED: "of the members of an audience nobody was named",
    ResyncHold.UNREADABLE: "some of what came could not be read: whoever it names would be taken off",
    ResyncHold.STILL_COMING: "it was closed as its time was over, and not by somebody or for quiet",
}

_COLUMNS: Final = ("id", "label", "status", "members", "named", "left", "code", "opened_at", "finished_at")

app = typer.Typer(
    no_args_is_help=True,
    help="Take off whom a sender does not name when it sends everybody again: open a resync first.",
)

ResyncId = Annotated[str, typer.Argument(metavar="RESYNC", help="Its id, as `destination resync list` shows it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is held, or at its end.")]


@app.command("start", epilog=examples('destination resync start $ID --audience "Webinar leads" --label november'))
def start(
    context: typer.Context,
    connection: ConnectionName,
    audience: Annotated[
        list[str] | None,
        typer.Option("--audience", metavar="AUDIENCE", help="Only this audience; may be given several times."),
    ] = None,
    namespace: Namespace = None,
    label: Annotated[str | None, typer.Option(help="What it is called, for people.")] = None,
    quiet_minutes: Annotated[
        int,
        typer.Option("--quiet", metavar="MINUTES", help="It closes once no event of the audiences came for so long."),
    ] = int(DEFAULT_QUIET.total_seconds() // 60),
    max_hours: Annotated[
        int, typer.Option("--max-hours", metavar="HOURS", help="It closes once it was open for so long, and is held.")
    ] = int(DEFAULT_OPEN.total_seconds() // 3600),
    as_json: Json = False,
) -> None:
    """Open a resync. Have the sender send everybody only after that: whoever is named from now on stays."""
    api, connection_id = meant(context, connection)
    chosen = [activation_meant(api, connection_id, one, namespace) for one in audience or ()] or None
    asked = {"activation_ids": chosen, "label": label, "quiet_minutes": quiet_minutes, "max_hours": max_hours}
    made = api.post(at(connection_id, "resyncs"), asked)
    if as_json:
        render.as_json(made)
    else:
        render.text(f"{made['id']}: open. Now have everybody sent, and then: destination resync close {connection_id}")


@app.command("list", epilog=examples("destination resync list $ID"))
def list_resyncs(context: typer.Context, connection: ConnectionName, as_json: Json = False) -> None:
    """List the resyncs of a connection, newest first."""
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id, "resyncs"))["resyncs"]
    if as_json:
        render.as_json(found)
        return
    render.table([one.replace("_", " ") for one in _COLUMNS], [[one[name] for name in _COLUMNS] for one in found])


@app.command("show", epilog=examples("destination resync show $ID $RESYNC"))
def show(
    context: typer.Context, connection: ConnectionName, resync: ResyncId, wait: Wait = False, as_json: Json = False
) -> None:
    """Show how far a resync is, and who would leave.

    With `--wait` it exits with 1 if it failed or was cancelled.
    """
    api, connection_id = meant(context, connection)
    path = at(connection_id, "resyncs", resync)
    found = _waited_for(api, path) if wait else api.get(path)
    _tell(found, as_json=as_json)
    if wait and found["status"] in {"failed", "cancelled"}:
        raise typer.Exit(FAILED)


@app.command("close", epilog=examples("destination resync close $ID $RESYNC --wait"))
def close(
    context: typer.Context, connection: ConnectionName, resync: ResyncId, wait: Wait = False, as_json: Json = False
) -> None:
    """Say that everybody was sent. What was sent is delivered first; then whoever was not named is taken off."""
    api, connection_id = meant(context, connection)
    path = at(connection_id, "resyncs", resync)
    found = api.post(f"{path}/close")
    _tell(_waited_for(api, path) if wait else found, as_json=as_json)


@app.command("approve", epilog=examples("destination resync approve $ID $RESYNC"))
def approve(context: typer.Context, connection: ConnectionName, resync: ResyncId, yes: Yes = False) -> None:
    """Have a resync carried on that is held, once you have seen what it would do.

    It takes everybody off the lists who is in its audiences and was not named.
    """
    api, connection_id = meant(context, connection)
    path = at(connection_id, "resyncs", resync)
    if not yes:
        _show(api.get(path))
        confirm(lambda: f"Carry on {resync}?")
    _show(api.post(f"{path}/approve"))


@app.command("cancel", epilog=examples("destination resync cancel $ID $RESYNC"))
def cancel(context: typer.Context, connection: ConnectionName, resync: ResyncId, as_json: Json = False) -> None:
    """Have nobody more taken off; who was by then stays off."""
    api, connection_id = meant(context, connection)
    _tell(api.post(at(connection_id, "resyncs", resync) + "/cancel"), as_json=as_json)


def _waited_for(api: Api, path: str) -> dict[str, Any]:
    """The resync once it waits for a person, or is at its end."""
    with render.progress("waiting"):
        while True:
            found: dict[str, Any] = api.get(path)
            if found["status"] in ENDED or found["status"] == "held":
                return found
            time.sleep(WAIT_SECONDS)


def _tell(resync: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        render.as_json(resync)
    else:
        _show(resync)


def _show(resync: Mapping[str, Any]) -> None:
    because = f" because of {resync['code']}: {resync['message']}" if resync["code"] else ""
    label = f" ({resync['label']})" if resync["label"] else ""
    render.text(f"{resync['id']}{label}: {resync['status']}{because}")
    if resync["closed_by"] is not None:
        render.text(f"closed at {resync['closed_at']} by {resync['closed_by']}")
    if resync["status"] == "held":
        tell_holds(resync["holds"], HOLDS, "destination resync approve")
    if resync["counted_at"] is not None:
        columns = ("name", "members", "named", "leaving")
        render.table(("audience", *columns[1:]), [[one[name] for name in columns] for one in resync["audiences"]])
    if resync["finished_at"] is not None:
        render.text(f"taken off: {resync['left']}")
