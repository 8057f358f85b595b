"""What a shell completes while a command line is written."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer
from botocore.exceptions import BotoCoreError, ClientError

from destination_client import target
from destination_client.errors import CommandError
from destination_client.target import Account

ASKING: Final = "_DESTINATION_COMPLETE"
"""The variable in which a shell says which one it is (Typer, "CLI Option autocompletion")."""

_SPECIAL: Final = re.compile(r"[^\w@%+=:,./-]")


def connections(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The names and ids of connections that begin so, each with the other beside; none where nobody can be asked."""
    said = context.find_root().params
    try:
        stack = target.choose(
            said.get("stack"),
            said.get("url"),
            Account(said.get("region"), said.get("profile")),
            local=bool(said.get("local")),
            folder=Path.cwd(),
        )
        return [*_beginning(incomplete, stack.api.at_once().connections())]
    except (CommandError, ClientError, BotoCoreError):
        return []


def _beginning(beginning: str, listed: Iterator[dict[str, str]]) -> Iterator[tuple[str, str]]:
    for one in listed:
        for shown, beside in ((one["name"], one["id"]), (one["id"], one["name"])):
            if shown.startswith(beginning) and not shown.startswith("-") and (quoted := _quoted(shown)):
                yield quoted, beside


def _quoted(name: str) -> str | None:
    """As the shell that asks has to be given it: some insert a word as it is, and would run what is in a name.

    None: this shell cannot be given it, as Typer offers only what begins as what was typed.
    """
    match os.environ.get(ASKING):
        case "complete_bash":
            return _SPECIAL.sub(r"\\\g<0>", name)
        case "complete_powershell" | "complete_pwsh" if _SPECIAL.search(name):
            return None
    return name
