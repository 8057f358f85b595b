"""The command for who gets the alerts of a connection."""

from typing import Annotated

import typer

from destination_client import render
from destination_client.context import ConnectionName, Json, meant
from destination_client.http import at

NOBODY = "none"


def recipients(
    context: typer.Context,
    connection: ConnectionName,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="ADDRESS",
            help=f"Replace the recipients by this e-mail address or https URL and the others given; {NOBODY}: nobody.",
        ),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test alert, which says that it is one.")] = False,
    as_json: Json = False,
) -> None:
    """Show or replace who gets the alerts of a connection, and whether they have confirmed it; send a test."""
    api, connection_id = meant(context, connection)
    path = at(connection_id, "recipients")
    found = api.get(path) if wanted is None else api.call("PUT", path, addresses(wanted))
    if test:
        found = api.post(at(connection_id, "alerts", "test"))
    if as_json:
        render.as_json(found)
        return
    names = ("confirmation", "protocol", "endpoint")
    render.table(names, [[one[name] for name in names] for one in found["recipients"]])
    if test:
        render.text("a test alert was sent")


def addresses(wanted: list[str]) -> list[dict[str, str]]:
    """As they are sent; what is no address the stack knows better."""
    if wanted == [NOBODY]:
        return []
    return [{"protocol": "https" if "://" in one else "email", "endpoint": one} for one in wanted]
