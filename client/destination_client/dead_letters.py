"""The command for dead letters: messages of the whole stack that could not be read, or not be brought to an end."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from destination_client import render
from destination_client.context import Json, chosen
from destination_client.deciding import Code, Yes, confirm, decide
from destination_client.errors import CommandError
from destination_client.http import Api

PATH: Final = "/dead-letters"


def dead_letters(
    context: typer.Context,
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Put them back into the queue, once the cause is fixed.")
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Discard them: what is in them is lost.")] = False,
    code: Code = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Show the dead letters of the stack by connection and reason; or redrive them, or discard them.

    They are messages that could not be read, or at which every attempt failed; events that failed are letters
    (`destination letters`). While they are looked at, others do not see them. A message that is put back and fails
    again is a dead letter again. Exits with 1 if one is left.
    """
    if redrive and discard:
        raise CommandError("--redrive keeps what --discard takes away.", "Leave out one of them.")
    if code is not None and not (redrive or discard):
        raise CommandError("--code needs --redrive or --discard.", "Without them all dead letters are shown.")
    api = chosen(context).api
    if redrive:
        decide(lambda: api.post(f"{PATH}/redrives", {"code": code}), "dead letters", "redriven", as_json=as_json)
    elif discard:
        _discard(api, code, yes=yes, as_json=as_json)
    else:
        _show(api.get(PATH), as_json=as_json)


def _discard(api: Api, code: str | None, *, yes: bool, as_json: bool) -> None:
    if not yes:
        confirm(lambda: f"Discard {render.counted(number(api.get(PATH), code), 'dead letter')} of the whole stack?")
    decide(lambda: api.call("DELETE", PATH, query={"code": code}), "dead letters", "discarded", as_json=as_json)


def number(found: Mapping[str, Any], code: str | None = None) -> int:
    """How many there are, of one code or all: those that were looked at, and about as many as are left."""
    return int(sum(one["messages"] for one in found["dead_letters"] if code in {None, one["code"]}) + found["left"])


def _show(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        render.as_json(found)
        return
    names = ("connection_id", "code", "reason", "messages")
    rows = [[one[name] or None for name in names] for one in found["dead_letters"]]
    render.table(("connection", "code", "reason", "messages"), rows)
    if found["left"]:
        render.text()
        render.text(f"about {found['left']} more were not looked at")
