"""The command for whoever writes a source: it needs no stack."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from destination.domain.problem import Problem
from destination_client import render
from destination_client.context import examples
from destination_client.errors import CommandError

app = typer.Typer(no_args_is_help=True, help="For whoever writes a source of events.")


@app.callback()
def source() -> None:
    """For whoever writes a source of events."""


@app.command(epilog=examples("destination source check acme", "destination source check acme --samples recorded"))
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What `source.format` calls the source.")],
    samples: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="The folder of its samples; without it, the one beside it."),
    ] = None,
) -> None:
    """Try a source with its samples and with bodies that are none, and show which rules it breaks."""
    sys.path.insert(0, str(Path.cwd()))  # a source that is being written lies where the command is called
    kit, recorded, sources = (_part(part) for part in ("conformance", "samples", "sources"))
    try:
        wanted = sources.source(name)
    except sources.UnknownSourceError as error:
        hint = f"There are {', '.join(sources.names())}. Install the package whose entry point of the group "
        raise CommandError(f"There is no source {name}", f"{hint}{sources.GROUP} has this name.") from error
    try:
        bodies = recorded.samples_of(samples or recorded.folder_of(wanted))
    except ValueError as error:
        raise CommandError("The samples cannot be read", f"{error}.") from error
    found = kit.breaches(wanted, bodies)
    if found:
        problems = [Problem(breach.rule, breach.what) for breach in found]
        raise CommandError(f"The source {name} breaks {len({one.path for one in problems})} rules", "", problems)
    render.text(f"The source {name} keeps all {len(kit.RULES)} rules, tried with {len(bodies)} samples.")


def _part(name: str) -> Any:
    """A part of the kit, which comes with the functions' code and not with every installation of the command.

    Raises CommandError.
    """
    try:
        return import_module(f"destination.ingest.{name}")
    except ImportError as error:
        detail = "Install the package marketo-destination beside the source, and call the command from there."
        raise CommandError("The conformance kit is not installed", detail) from error
