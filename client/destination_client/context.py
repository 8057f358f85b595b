"""What all commands have in common: their stack, shared arguments, and the end that errors put to them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from destination_client import render, target
from destination_client.errors import CommandError
from destination_client.target import Target

FAILED = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """The stack that the command line names, and the clock that says when a period ends for which no end was named."""

    stack: str | None
    local: bool
    clock: Callable[[], datetime]


class Commands(TyperGroup):
    """The commands; errors are shown without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            render.error(error)
        except (ClientError, BotoCoreError) as error:
            render.error(CommandError("AWS refuses a call", str(error)))
        raise typer.Exit(FAILED)


def chosen(context: typer.Context) -> Target:
    """The stack. Raises CommandError when there is none."""
    choice: Choice = context.find_root().obj
    return target.choose(choice.stack, local=choice.local, folder=Path.cwd())


def now(context: typer.Context) -> datetime:
    """The time by the command's clock."""
    choice: Choice = context.find_root().obj
    return choice.clock()


def wall_clock() -> datetime:
    return datetime.now(UTC)


ConnectionId = Annotated[str, typer.Argument(metavar="ID", help="The connection's id, as `destination list` shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for scripts.")]

Audience = Annotated[
    str | None,
    typer.Option("--audience", metavar="ID", help="Only this audience, by its own id or that of its activation."),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", metavar="NAME", help="The namespace of the audience's id, where several audiences have the same."
    ),
]

ReadableFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)]


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\n\n".join(["Examples:", *lines])
