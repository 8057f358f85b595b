"""Commands that change connections."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from destination_client import documents, render
from destination_client.apply import Planned, PlanOptions, carry_out, planned
from destination_client.context import ConnectionId, ReadableFile, chosen
from destination_client.describe import document_of_draft, written
from destination_client.errors import CommandError
from destination_client.events import content_of
from destination_client.http import Api, at
from destination_client.wanted import wanted

TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Write the ingest token to a new file that only you can read, instead of showing it."
    ),
]


def apply(
    context: typer.Context,
    file: ReadableFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, and change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Deactivate audiences that the file does not name.")] = False,
    credentials: Annotated[
        bool,
        typer.Option(
            "--credentials", help="Send the credentials again: they cannot be read, so they are not compared."
        ),
    ] = False,
    same_people: Annotated[
        bool,
        typer.Option(
            "--same-people",
            help="Say that other sources of the identities give the same people the same values as before.",
        ),
    ] = False,
    token_file: TokenFile = None,
) -> None:
    """Create or change connections, so that they are what a file says.

    A document of the file (YAML) has the properties of a connection, its audiences, and whether it is enabled; what
    it does not name stays as it is. Strings may name environment variables, and the client secret must:
    ${MARKETO_CLIENT_SECRET}. The plan is shown, then carried out, and nobody else's change in between is overwritten.
    A second run has nothing to do.
    """
    target = chosen(context)
    descriptions = [wanted(one, os.environ) for one in documents.read(file)]
    options = PlanOptions(prune=prune, give_credentials=credentials, same_people=same_people)
    work = planned(target.api, descriptions, options, os.environ)
    if token_file is not None:
        _check_token_file(token_file, sum(one.creates for one in work))
    for one in work:
        _show(one)
    if dry_run:
        return
    for one in work:
        if one.steps:
            _carry_out(target.api, one, token_file)


def enable(context: typer.Context, connection_id: ConnectionId) -> None:
    """Accept events, and try at once those that are parked."""
    _switch(chosen(context).api, connection_id, "enable")


def disable(context: typer.Context, connection_id: ConnectionId) -> None:
    """Accept no more events: the webhook answers 409. Queued events are delivered after enabling."""
    _switch(chosen(context).api, connection_id, "disable")


def delete(
    context: typer.Context,
    connection_id: ConnectionId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a connection with its audiences and credentials. Its lists stay in Marketo."""
    api = chosen(context).api
    connection = api.get(at(connection_id))
    if not yes:
        typer.confirm(f"Delete {connection['name']} ({connection['munchkin_id']})?", abort=True, err=True)
    leaving = api.call("DELETE", at(connection_id), version=connection["version"])
    gone = "will be deleted once its queued events are delivered" if leaving else "is deleted"
    render.text(f"{connection['name']}: {gone}")


def rotate_token(
    context: typer.Context,
    connection_id: ConnectionId,
    grace: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long the old token stays valid, such as PT1H; by default a day."),
    ] = None,
    token_file: TokenFile = None,
) -> None:
    """Make a new ingest token; the old one stays valid for a grace period, so that the sender can change over."""
    api = chosen(context).api
    if token_file is not None:
        _check_token_file(token_file, 1)
    answer = api.post(at(connection_id, "ingest-token"), {} if grace is None else {"grace": grace})
    _hand_over(answer, token_file)
    render.text(f"the previous token is valid until {answer['previous_valid_until']}")


def migrate(
    context: typer.Context,
    file: ReadableFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="The file to write.")] = Path(
        "connection.yaml"
    ),
    generation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="legacy_v2: behave like Adobe's legacy destination; by default current."),
    ] = None,
) -> None:
    """Make a file for `apply` from the export of a legacy (V2) dataflow, and report what could not be carried over."""
    if output.exists():
        raise CommandError(f"{output} already exists", "Name another file with --output.")
    query = {"generation": generation}
    answer = chosen(context).api.call("POST", "/migrations/legacy-v2", content_of(file), query=query)
    columns = ("item", "result", "detail", "to do")
    rows = [[one[name] for name in ("item", "result", "detail", "remedy")] for one in answer["report"]]
    render.table(columns, rows)
    if answer["connection"] is None:
        raise CommandError("The dataflow cannot become a connection", "The report says why.")
    output.write_text(written(document_of_draft(answer["connection"], answer["activations"])), encoding="utf-8")
    render.text(f"wrote {output}; look through it, then: destination apply {output}")


def _show(work: Planned) -> None:
    where = f" ({work.present.connection['id']})" if work.present else ""
    render.text(f"{work.wanted.name}{where}", style="bold")
    for step in work.steps:
        render.step(step)
    if not work.steps:
        render.text("  nothing to do")


def _carry_out(api: Api, work: Planned, token_file: Path | None) -> None:
    with render.progress(work.wanted.name, len(work.steps)) as bar:
        connection = carry_out(
            api, work, opened=lambda ingest: _hand_over(ingest, token_file), done=lambda _: bar.advance()
        )
    render.text(
        f"{connection['name']}: done, {connection['status']}, version {connection['version']}, id {connection['id']}"
    )
    for warning in connection["warnings"]:
        render.note(f"  warning: {warning['path']}: {warning['message']}", style="yellow")


def _switch(api: Api, connection_id: str, action: str) -> None:
    connection = api.post(at(connection_id, action))
    render.text(f"{connection['name']}: {connection['status']}")


def _check_token_file(file: Path, tokens: int) -> None:
    """Before anything is done: a token that cannot be written would be lost."""
    if tokens > 1:
        raise CommandError(f"{tokens} connections are new", f"{file} can hold one token; apply them one by one.")
    if tokens and file.exists():
        raise CommandError(f"{file} already exists", "Name a file that does not exist, so that no other token is lost.")


def _hand_over(ingest: Mapping[str, str], file: Path | None) -> None:
    render.text(f"post events to {ingest['url']}")
    if file is None:
        render.text(f"with the ingest token {ingest['token']}, which is shown this once")
        return
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as private:
        private.write(ingest["token"] + "\n")
    render.text(f"with the ingest token in {file}")
