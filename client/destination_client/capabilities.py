"""The commands that show what imports do in a connection's instance, and find it out with a canary."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from destination_client import render
from destination_client.context import FAILED, ConnectionName, Json, examples, meant
from destination_client.deciding import Yes, confirm
from destination_client.http import Api, at

WAIT_SECONDS: Final = 5.0

app = typer.Typer(no_args_is_help=True, help="What imports do in a Marketo instance, which no document says.")


@app.command("show", epilog=examples("destination capabilities show $ID"))
def show(context: typer.Context, connection: ConnectionName, as_json: Json = False) -> None:
    """Show what is known, and what is done by imports because of it."""
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id, "capabilities"))
    if as_json:
        render.as_json(found)
        return
    render.text(f"{found['munchkin_id']}: {_asked(found['asked_at'])}")
    _answers(found)


@app.command("find", epilog=examples("destination capabilities find $ID --email canary@example.org --list 1001"))
def find(
    context: typer.Context,
    connection: ConnectionName,
    email: Annotated[str, typer.Option(help="An address of yours that no lead has; the test leads have it.")],
    list_id: Annotated[int, typer.Option("--list", help="The id of a static list that the test leads may join.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Find it out: make test leads, import files of one row, look what happened, and delete the leads.

    It takes some minutes. It exits with 1 if not all was asked, or a test lead could not be deleted. One that is broken
    off is carried on by `destination capabilities resume`.
    """
    api, connection_id = meant(context, connection)
    if not yes:
        confirm(lambda: f"Make test leads of {email} in the instance of {connection_id}, and delete them again?")
    made = api.post(at(connection_id, "canaries"), {"email": email, "list_id": list_id, "consent": True})
    _show(_finished(api, connection_id, made), as_json=as_json)


@app.command("resume", epilog=examples("destination capabilities resume $ID 0123abcd"))
def resume(
    context: typer.Context,
    connection: ConnectionName,
    canary_id: Annotated[str, typer.Argument(metavar="CANARY", help="The id that `destination capabilities` showed.")],
    as_json: Json = False,
) -> None:
    """Carry on a canary that was broken off, to its end."""
    api, connection_id = meant(context, connection)
    _show(_finished(api, connection_id, api.get(_path(connection_id, canary_id))), as_json=as_json)


def _path(connection_id: str, canary_id: str) -> str:
    return at(connection_id, "canaries", canary_id)


def _finished(api: Api, connection_id: str, canary: dict[str, Any]) -> dict[str, Any]:
    """The canary at its end. Each call carries it on by a step."""
    render.note(f"canary {canary['id']}")
    with render.progress("asking", canary["questions"]) as bar:
        bar.advance(canary["asked"])
        while canary["finished_at"] is None:
            before = canary["asked"]
            time.sleep(WAIT_SECONDS)
            canary = api.get(_path(connection_id, canary["id"]))
            bar.advance(canary["asked"] - before)
    return canary


def _show(canary: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        render.as_json(canary)
    else:
        render.text(f"{canary['id']}: {canary['status']}")
        if why := canary["ended_by"]:
            render.text(f"  {why['code']}: {why['message']}")
        _answers(canary)
        if canary["leads"]:
            render.text(f"  delete these test leads in Marketo: {', '.join(map(str, canary['leads']))}")
    if canary["status"] != "completed" or canary["leads"]:
        raise typer.Exit(FAILED)


def _answers(found: Mapping[str, Any]) -> None:
    for one in found["answers"]:
        answer = {True: "yes. ", False: "no. ", None: ""}[one["answer"]]  # the message says itself that it is not known
        render.text(f"  {one['name']}: {answer}{one['message']}")
        render.text(f"    By imports, if it is so: {one['lane']}")


def _asked(at: str | None) -> str:
    return "no canary was sent" if at is None else f"asked at {at}"
