"""Commands that deal with events: send them, and have those delivered that were not."""

from typing import Annotated

import typer

from destination.queue import EventQueue
from destination_client import events, render
from destination_client.context import FAILED, ConnectionId, Json, ReadableFile, chosen
from destination_client.errors import CommandError
from destination_client.redrive import Letters, Moved, Taken, move
from destination_client.send import MAX_SHOWN, Sent
from destination_client.send import send as post


def send(
    context: typer.Context,
    connection_id: ConnectionId,
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
    api, records, sent = chosen(context).api, events.read(file), Sent()
    with render.progress("sending", len(records)) as bar:
        for count in post(api, connection_id, token, records, sent):
            bar.advance(count)
    render.text(f"accepted {sent.accepted}, rejected {sent.rejected}")
    if sent.rejected:
        shown = f"The first {MAX_SHOWN} problems:" if len(sent.problems) == MAX_SHOWN else ""
        raise CommandError(f"{sent.rejected} of {len(records)} events were rejected", shown, sent.problems)


def redrive(
    context: typer.Context,
    connection: Annotated[str | None, typer.Option(metavar="ID", help="Only the letters of this connection.")] = None,
    code: Annotated[
        str | None, typer.Option(metavar="CODE", help="Only those with this code, such as MARKETO_1003.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to move at a time.")] = 10_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show how many there are, and move nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Have dead letters delivered: move them back to the queue of events.

    Fix the cause first (`destination run` names it). A letter is deleted only after it was put into the queue, and
    delivering it twice does no harm. Letters are invisible to others while the command runs, and visible again if
    it is interrupted.
    """
    target = chosen(context)
    sqs = target.sqs()
    letters, taken, moved = Letters(sqs, target.dead_letter_queue_url), Taken(), Moved()
    try:
        with render.progress("looking through the dead letters") as bar:
            for count in letters.take(taken, connection_id=connection, code=code, limit=limit):
                bar.advance(count)
        counts = taken.counts()
        if not as_json:
            render.table(("connection", "code", "letters", "reason"), [(*one[:2], one[3], one[2]) for one in counts])
        if not dry_run:
            with render.progress("moving", len(taken.chosen)) as bar:
                for count in move(letters, EventQueue(sqs, target.queue_url), taken.chosen, moved):
                    bar.advance(count)
    finally:
        letters.requeue([*(one.message for one in taken.chosen), *taken.others])
    found = [dict(zip(("connection_id", "code", "reason", "count"), one, strict=True)) for one in counts]
    if as_json:
        render.as_json({"letters": found, "moved": moved.moved, "left": moved.left})
    elif not dry_run:
        render.text(f"moved {moved.moved}")
    if moved.twice:
        render.note(f"{moved.twice} were moved but not deleted here; delivering them twice does no harm")
    if moved.left:
        render.error(CommandError(f"{moved.left} letters could not be moved", "They stay dead letters; try again."))
        raise typer.Exit(FAILED)
