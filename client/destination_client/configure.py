"""Commands that change connections."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from destination_client import documents, render
from destination_client.apply import Planned, PlanOptions, carry_out, planned
from destination_client.context import ConnectionName, ReadableFile, chosen, meant
from destination_client.deciding import Yes, confirm
from destination_client.describe import document_of_draft, written
from destination_client.errors import CommandError
from destination_client.events import content_of
from destination_client.http import Api, at
from destination_client.schema import schema as of_files
from destination_client.wanted import all_wanted

Private = tuple[TextIO, TextIO]
"""Files of their owner alone: of an ingest token, and of a signing key."""

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
    ${MARKETO_CLIENT_SECRET}. What enabling would refuse is refused before anything is changed, all of it at once and
    with its lines. Then the plan is shown and carried out, and nobody else's change in between is overwritten. A second
    run has nothing to do.
    """
    target = chosen(context)
    descriptions, unreadable = all_wanted(documents.read(file), os.environ)
    options = PlanOptions(prune=prune, give_credentials=credentials, same_people=same_people)
    work = planned(target.api, descriptions, options, os.environ, unreadable)
    if token_file is not None:
        _check_token_file(token_file, sum(one.creates for one in work))
    for one in work:
        _show(one)
    if dry_run:
        return
    with _private(token_file if any(one.creates for one in work) else None) as private:
        for one in work:
            if one.steps:
                _carry_out(target.api, one, private)


def schema() -> None:
    """Print the JSON Schema of the files that `apply` takes, with which editors complete and check them.

    The first line of a file tells an editor of it: `# yaml-language-server: $schema=connection.schema.json`.
    """
    render.as_json(of_files())


def enable(context: typer.Context, connection: ConnectionName) -> None:
    """Accept events, and try at once those that are parked."""
    _switch(*meant(context, connection), "enable")


def disable(context: typer.Context, connection: ConnectionName) -> None:
    """Accept no more events: the webhook answers 409. Queued events are delivered after enabling."""
    _switch(*meant(context, connection), "disable")


def delete(
    context: typer.Context,
    connection: ConnectionName,
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Delete it at once, with what waits of it, instead of delivering that first."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete a connection with its audiences and credentials. Its lists stay in Marketo.

    What waits of it is delivered first, unless it is discarded.
    """
    api, connection_id = meant(context, connection)
    shown = api.get(at(connection_id))
    if not yes:
        what = "and discard what waits of it" if discard else "once what waits of it is delivered"
        confirm(lambda: f"Delete {shown['name']} ({shown['munchkin_id']}) {what}?")
    query = {"discard": "true"} if discard else None
    leaving = api.call("DELETE", at(connection_id), query=query, version=shown["version"])
    goes = "is being deleted" if discard else "will be deleted once its queued events are delivered"
    gone = goes if leaving else "is deleted"
    render.text(f"{shown['name']}: {gone}")


def rotate_token(
    context: typer.Context,
    connection: ConnectionName,
    grace: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long the old token stays valid, such as PT1H; by default a day."),
    ] = None,
    token_file: TokenFile = None,
) -> None:
    """Make a new ingest token; the old one stays valid for a grace period, so that the sender can change over."""
    api, connection_id = meant(context, connection)
    with _private(token_file) as private:
        answer = api.post(at(connection_id, "ingest-token"), {} if grace is None else {"grace": grace})
        _hand_over(answer, private)
    render.text(f"the previous token is valid until {answer['previous_valid_until']}")


def sender_credentials(
    context: typer.Context,
    connection: ConnectionName,
    grace: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long the old secret stays valid, such as PT1H; by default a day."),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Write the client secret to a new file that only you can read, instead of showing it."
        ),
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the client secret and all tokens that it gave, at once.")
    ] = False,
) -> None:
    """Make or replace the client secret with which a sender gets its tokens (OAuth 2.0, client credentials)."""
    api, connection_id = meant(context, connection)
    path = at(connection_id, "sender-credentials")
    if revoke:
        api.call("DELETE", path)
        render.text("the client secret and its tokens are no longer valid")
        return
    with nullcontext() if secret_file is None else _new(secret_file) as private:
        answer = api.post(path, {} if grace is None else {"grace": grace})
        if private is not None:
            private.write(answer["client_secret"])
    render.text(f"get tokens at {answer['token_url']}")
    render.text(f"with the client id {answer['client_id']}")
    if secret_file is None:
        render.text(f"and the client secret {answer['client_secret']}, which is shown this once")
    else:
        render.text(f"and the client secret in {secret_file}")
    if answer["previous_valid_until"] is not None:
        render.text(f"the previous secret is valid until {answer['previous_valid_until']}")


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
    for audience in work.kept:
        render.text(f"  audience {audience} stays, as the file does not name it; --prune deactivates it")
    if not work.steps:
        render.text("  nothing to do")


def _carry_out(api: Api, work: Planned, private: Private | None) -> None:
    with render.progress(work.wanted.name, len(work.steps)) as bar:
        connection = carry_out(
            api, work, opened=lambda ingest: _hand_over(ingest, private), done=lambda _: bar.advance()
        )
    render.text(
        f"{connection['name']}: done, {connection['status']}, version {connection['version']}, id {connection['id']}"
    )
    for warning in connection["warnings"]:
        render.note(f"  warning: {warning['path']}: {warning['message']}", style="yellow")


def _switch(api: Api, connection_id: str, action: str) -> None:
    shown = api.post(at(connection_id, action))
    render.text(f"{shown['name']}: {shown['status']}")


def _check_token_file(file: Path, tokens: int) -> None:
    if tokens > 1:
        raise CommandError(f"{tokens} connections are new", f"{file} can hold one token; apply them one by one.")
    for one in (file, _key_file(file)) if tokens else ():
        if os.path.lexists(one):
            raise _taken(one)


def _taken(file: Path) -> CommandError:
    return CommandError(f"{file} already exists", "Name a file that does not exist, so that nothing is lost.")


def _key_file(token_file: Path) -> Path:
    return token_file.with_name(f"{token_file.name}.signing-key")


@contextmanager
def _private(token_file: Path | None) -> Iterator[Private | None]:
    """The files of a token, and of a key beside it, made before those are: what cannot be written would be lost."""
    if token_file is None:
        yield None
        return
    with _new(token_file) as token, _new(_key_file(token_file)) as key:
        yield token, key


@contextmanager
def _new(file: Path) -> Iterator[TextIO]:
    """A new file that only its owner can read. Without anything in it, it goes away in the end.

    Raises CommandError where there is one.
    """
    try:
        opened = open(file, "x", opener=lambda path, flags: os.open(path, flags, 0o600), encoding="ascii")  # noqa: SIM115
    except FileExistsError as error:
        raise _taken(file) from error
    try:
        with opened:
            yield opened
    finally:
        if not file.stat().st_size:
            file.unlink()


def _hand_over(ingest: Mapping[str, Any], private: Private | None) -> None:
    render.text(f"post events to {ingest['url']}")
    key = ingest["signing_key"]
    if private is None:
        render.text(f"with the ingest token {ingest['token']}, which is shown this once")
        if ingest["signing_key"] is not None:
            render.text(
                f"signed, where the sender signs, with the key {ingest['signing_key']}, shown this once as well"
            )
        return
    for secret, file in zip((ingest["token"], key), private, strict=True):
        if secret is not None:
            file.write(f"{secret}\n")
            file.flush()
    render.text(f"with the ingest token in {private[0].name}")
    if key is not None:
        render.text(f"signed, where the sender signs, with the key in {private[1].name}")
