"""Decisions of a person: why one is waited for, confirmed before it cannot be taken back.

Those about what failed are made call by call until none is left.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from destination_client import render
from destination_client.errors import CommandError

Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only those with this code, such as MARKETO_1003.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@dataclass(slots=True)
class SoFar:
    """About how many was decided so far, and how many the last call left."""

    decided: int = 0
    left: int = 0


def confirm(question: Callable[[], str]) -> None:
    """Go on only if a person agrees; typer.Abort ends the command. Raises CommandError where nobody can be asked."""
    if not attended():
        raise CommandError("Nobody can be asked here", "Give --yes to do it without being asked.")
    typer.confirm(render.plain(question()), abort=True, err=True)


def tell_holds(holds: Sequence[str], meanings: Mapping[str, str], command: str) -> None:
    """Show that something waits for a person's yes, by which command it is given, and what each hold means."""
    render.text(f"it waits for your yes because of {', '.join(holds)}: {command}")
    for hold in holds:
        if hold in meanings:  # a newer stack may have others
            render.text(f"  {hold}: {meanings[hold]}")


def attended() -> bool:
    """Whether there is a terminal at which somebody can answer."""
    return sys.stdin.isatty()


def decide(call: Callable[[], Mapping[str, Any]], of: str, done: str, *, as_json: bool) -> None:
    """Decide about all letters or dead letters (`of`), and show about how many it was (`done`, such as "redriven").

    `call` answers how many it `decided` about, and how many are `left`. Raises CommandError if any is left at the end.
    """
    so_far = SoFar()
    try:
        with render.progress(of) as bar:
            for count in calls(call, so_far):
                bar.advance(count, left=so_far.left)
    except (CommandError, KeyboardInterrupt):
        if so_far.decided:
            render.note(f"{done} {so_far.decided} until then; the command can be run again")
        raise
    if as_json:
        render.as_json({"decided": so_far.decided, "left": so_far.left})
    else:
        render.text(f"{done} {so_far.decided}")
    if so_far.left:
        raise CommandError(f"{of} that are left: {so_far.left}", "See what they are now, and run the command again.")


def calls(call: Callable[[], Mapping[str, Any]], so_far: SoFar) -> Iterator[int]:
    """Call until nothing is left; how many each call decided about.

    It ends too when a call decides about none, and when it was about as many as there were at first: what fails anew
    in the meantime would be decided about for ever.
    """
    at_first = None
    while True:
        answer = call()
        so_far.decided += answer["decided"]
        so_far.left = answer["left"]
        yield answer["decided"]
        at_first = at_first or so_far.decided + so_far.left
        if not answer["left"] or not answer["decided"] or so_far.decided >= at_first:
            return
