"""What all commands have in common: their stack, shared arguments, and the end that errors put to them."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from destination_client import completion, render, target
from destination_client.errors import CommandError
from destination_client.http import Api
from destination_client.naming import connection_meant
from destination_client.target import Account, Target

FAILED = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """The stack that the command line names, and the clock that says when a period ends for which no end was named."""

    stack: str | None
    url: str | None
    local: bool
    account: Account
    clock: Callable[[], datetime]


class Commands(TyperGroup):
    """The commands; errors are shown without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            render.error(error)
        except ClientError as error:
            render.error(CommandError("AWS refuses a call", str(error)))
        except BotoCoreError as error:
            render.error(CommandError("AWS cannot be called", str(error)))
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads the answer any more, and Click ends without a word
                raise
            what = error.filename or "The answer"
            render.error(CommandError(f"{what} cannot be read or written", f"{error.strerror}."))
        raise typer.Exit(FAILED)


def chosen(context: typer.Context) -> Target:
    """The stack. Raises CommandError when there is none."""
    choice: Choice = context.find_root().obj
    return target.choose(choice.stack, choice.url, choice.account, local=choice.local, folder=Path.cwd())


def meant(context: typer.Context, given: str) -> tuple[Api, str]:
    """The interface, and the id of the connection that a command means. Raises CommandError."""
    api = chosen(context).api
    return api, connection_meant(api, given)


def now(context: typer.Context) -> datetime:
    """The time by the command's clock."""
    choice: Choice = context.find_root().obj
    return choice.clock()


def wall_clock() -> datetime:
    return datetime.now(UTC)


ConnectionName = Annotated[
    str,
    typer.Argument(
        metavar="CONNECTION",
        help="The connection's name, its id, or what only its id begins with.",
        autocompletion=completion.connections,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for scripts.")]

Wide = Annotated[
    bool, typer.Option("--wide", "-w", help="Show all columns; by default a terminal shows those that matter most.")
]

Audience = Annotated[
    str | None,
    typer.Option(
        "--audience", metavar="AUDIENCE", help="Only this audience, by its name, its own id or that of its activation."
    ),
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
