"""The command for the console: the same stack, in the browser."""

import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Final

import typer

from destination_client import render
from destination_client.console_host import ConsoleHost
from destination_client.context import chosen
from destination_client.errors import CommandError

PACKED: Final = Path(__file__).parent / "console_files"
"""Where the wheel has the application (client/hatch_build.py)."""

BUILT: Final = Path(__file__).parents[2] / "console" / "dist"
"""Where a checkout has it, once it was built."""


def console(
    context: typer.Context,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser, or only print the address.")
    ] = True,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="The port to listen on; 0: any that is free.")
    ] = 0,
) -> None:
    """Show the stack in the browser, until interrupted.

    It listens on this machine alone, and lets in whoever opens the address that it prints, once. Calls are made as you,
    as those of all commands are.
    """
    target = chosen(context)
    with ConsoleHost(_files(), target, port) as host:
        render.note(f"{target.name}; stop with Ctrl-C")
        address = host.gate.address()
        render.text(address)
        if browser:  # beside it, for a browser of the terminal would not end before it is answered
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        host.serve_forever()


def _files() -> Path:
    """The built application. Raises CommandError."""
    for folder in (PACKED, BUILT):
        if (folder / "index.html").is_file():
            return folder
    raise CommandError("The console is not built", "In a checkout, build it with: python console/build.py")
