"""The command that sends events."""

from typing import Annotated

import typer

from destination_client import events, render
from destination_client.context import ConnectionName, ReadableFile, meant
from destination_client.errors import CommandError
from destination_client.send import MAX_SHOWN, Sent
from destination_client.send import send as post


def send(
    context: typer.Context,
    connection: ConnectionName,
    file: ReadableFile,
    token: Annotated[
        str,
        typer.Option(
            envvar="DESTINATION_INGEST_TOKEN", help="The connection's ingest token; safer in the environment variable."
        ),
    ],
) -> None:
    """Post a file of events to the webhook, in the format of the connection's source.

    The file is JSON (one event, an array, or an object that has it) or has one event per line. Large files go in parts;
    while the webhook is busy a part is sent again, and sending a file twice does no harm. Exits with 1 if an event was
    rejected.
    """
    api, connection_id = meant(context, connection)
    records, sent = events.read(file), Sent()
    with render.progress("sending", len(records)) as bar:
        for count in post(api, connection_id, token.strip(), records, sent):
            bar.advance(count)
    render.text(f"accepted {sent.accepted}, rejected {sent.rejected}")
    if sent.rejected:
        shown = f"The first {MAX_SHOWN} problems:" if len(sent.problems) == MAX_SHOWN else ""
        raise CommandError(f"{sent.rejected} of {len(records)} events were rejected", shown, sent.problems)
