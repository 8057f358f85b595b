"""The command for what Marketo offers to choose from while a connection is configured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from destination_client import render
from destination_client.context import ConnectionName, Json, meant
from destination_client.http import Api, at

Row = Sequence[object]


class Offered(StrEnum):
    FIELDS = "fields"
    DEDUPE_FIELDS = "dedupe-fields"
    PARTITIONS = "partitions"
    WORKSPACES = "workspaces"
    LISTS = "lists"


def choices(
    context: typer.Context,
    connection: ConnectionName,
    kind: Annotated[Offered, typer.Argument(metavar="KIND", help=f"What of: {', '.join(Offered)}.")],
    search: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="Only those with this in their name; case does not count.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the Marketo instance of a connection offers, as its API user sees it.

    That are the values for `mapping[].target`, `dedupe_field`, `partition`, `workspace`, and `audiences[].list.id`.
    """
    api, connection_id = meant(context, connection)
    with render.progress(f"reading {kind}") as bar:
        found = [*_read(api, at(connection_id, "marketo", kind), kind, bar)]
    chosen = [one for one in found if _has(one, search)]
    if as_json:
        render.as_json(chosen)
        return
    columns, row = _TABLES[kind]
    render.table(columns, [row(one) for one in chosen])


def _read(api: Api, path: str, kind: Offered, bar: render.Bar) -> Iterator[Mapping[str, Any]]:
    """Everything; lists come in pages, and Marketo searches them by whole names only."""
    if kind is not Offered.LISTS:
        yield from api.get(path)[kind.replace("-", "_")]
        return
    for one in api.pages(path, "lists"):
        bar.advance()
        yield one


def _has(choice: Mapping[str, Any], text: str | None) -> bool:
    named = (str(choice[name]) for name in ("name", "display_name", "id") if name in choice)
    return text is None or any(text.casefold() in one.casefold() for one in named)


def _row(*names: str) -> Callable[[Mapping[str, Any]], Row]:
    return lambda one: [one[name] for name in names]


_TABLES: Final[Mapping[Offered, tuple[Sequence[str], Callable[[Mapping[str, Any]], Row]]]] = {
    Offered.FIELDS: (
        ("name", "label", "type", "length", "writable"),
        _row("name", "display_name", "type", "length", "writable"),
    ),
    Offered.DEDUPE_FIELDS: (("name", "label", "type"), _row("name", "display_name", "type")),
    Offered.PARTITIONS: (("id", "name"), _row("id", "name")),
    Offered.WORKSPACES: (("name",), _row("name")),
    Offered.LISTS: (("id", "name", "workspace"), _row("id", "name", "workspace")),
}
"""By kind, the columns, and the row of a choice."""
