"""Commands that read."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from destination_client import completion, events, render
from destination_client.context import FAILED, ConnectionName, Json, ReadableFile, Wide, chosen, meant
from destination_client.describe import document_of, written
from destination_client.errors import CommandError
from destination_client.http import at
from destination_client.plan import Present

_RESULTS = {True: "ok", False: "failed", None: "not checked"}


def list_connections(context: typer.Context, wide: Wide = False, as_json: Json = False) -> None:
    """List the connections, with their status."""
    found = list(chosen(context).api.connections())
    if as_json:
        render.as_json(found)
    else:
        _connections(found, wide=wide)


def show(
    context: typer.Context,
    connection: ConnectionName,
    wide: Wide = False,
    as_json: Json = False,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print it in YAML, as a file for `destination apply`.")
    ] = False,
) -> None:
    """Show a connection with its audiences."""
    if as_json and as_yaml:
        raise CommandError("--json and --yaml are two forms.", "Leave out one of them.")
    api, connection_id = meant(context, connection)
    shown = api.get(at(connection_id))
    audiences = api.get(at(connection_id, "audiences"))["audiences"]
    if as_json:
        render.as_json({**shown, "audiences": audiences})
        return
    if as_yaml:
        typer.echo(written(document_of(Present(shown, audiences))), nl=False)
        return
    render.properties(shown)
    render.text()
    columns = ("activation", "audience", "namespace", "name", "list", "list name", "people", "counted", "start", "end")
    lists = [{**(one["list"] or {}), **(one["list_size"] or {})} for one in audiences]
    render.table(
        columns,
        [
            (
                *(one[name] for name in ("activation_id", "id", "namespace", "name")),
                *(kept.get(name) for name in ("id", "name", "people", "counted_at")),
                *(one[name] for name in ("start", "end")),
            )
            for one, kept in zip(audiences, lists, strict=True)
        ],
        beside=("namespace", "list name", "start", "end"),
        wide=wide,
    )


def checks(
    context: typer.Context,
    connection: ConnectionName,
    sample: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A file with an event as the source sends it, to check its values too.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try a connection against Marketo before events depend on it. Exits with 1 if a check fails."""
    content = {} if sample is None else {"sample": events.content_of(sample)}
    api, connection_id = meant(context, connection)
    answer = api.post(at(connection_id, "checks"), content)
    if as_json:
        render.as_json(answer)
    else:
        render.table(
            ("check", "result", "detail", "hint"),
            [(one["name"], _RESULTS[one["ok"]], one["detail"], one["hint"] or None) for one in answer["checks"]],
        )
        for problem in (*(problem for one in answer["checks"] for problem in one["errors"]), *answer["warnings"]):
            render.text(f"{problem['path']}: {problem['message']}", style="yellow")
    if not answer["ok"]:
        raise typer.Exit(FAILED)


def preview(context: typer.Context, connection: ConnectionName, file: ReadableFile, as_json: Json = False) -> None:
    """Show what the delivery of a file of events would do. Nothing is written, to Marketo or elsewhere."""
    api, connection_id = meant(context, connection)
    answer = api.post(at(connection_id, "previews"), events.read(file))
    if as_json:
        render.as_json(answer)
        return
    render.table(
        ("record", "person", "outcome", "reason", "lead", "fields", "left out", "warnings", "audiences"),
        [
            (
                one["index"],
                one["person"],
                _outcome(one),
                one["reason"] and one["reason"]["message"],
                one["lead_id"],
                ", ".join(one["fields"]) or None,
                "; ".join(f"{dropped['field']}: {dropped['message']}" for dropped in one["dropped"]) or None,
                "; ".join(f"{warned['field']}: {warned['message']}" for warned in one["warned"]) or None,
                "; ".join(_membership(audience) for audience in one["audiences"]) or None,
            )
            for one in answer["persons"]
        ],
    )
    for said in ("rejected", "warnings"):
        for record in answer[said]:
            for problem in record["errors"]:
                render.text(f"{said}: [{record['index']}] {problem['path']}: {problem['message']}", style="yellow")
    if (more := answer["warning_count"] - sum(len(record["errors"]) for record in answer["warnings"])) > 0:
        render.text(f"warnings: {more} more", style="yellow")
    for note in answer["notes"]:
        render.text(note)
    render.text()
    summary = {name: value for name, value in answer["summary"].items() if name != "losses"}
    render.properties({**summary, "marketo_calls": answer["calls"]})


def policies(context: typer.Context, as_json: Json = False) -> None:
    """Show the data usage policies: which marketing actions they deny for which labels."""
    found = chosen(context).api.get("/governance/policies")["policies"]
    if as_json:
        render.as_json(found)
        return
    render.table(
        ("id", "status", "name", "marketing actions", "denied for"),
        [(one["id"], one["status"], one["name"], one["marketing_actions"], _expression(one["deny"])) for one in found],
    )


def audit(
    context: typer.Context,
    connection: Annotated[
        str | None,
        typer.Option(
            metavar="CONNECTION",
            help="Only the changes of this connection; of a deleted one by its id.",
            autocompletion=completion.connections,
        ),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="TIME", help="ISO 8601: from this time on.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="TIME", help="ISO 8601: before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who changed what, newest first."""
    api, only = (chosen(context).api, None) if connection is None else meant(context, connection)
    asked = {"connection_id": only, "from": first, "to": last}
    found = list(islice(api.pages("/audit", "records", **asked), limit))
    if as_json:
        render.as_json(found)
        return
    names = ("at", "actor", "action", "connection_id", "audience")
    render.table(
        ("at", "who", "action", "connection", "audience", "changed"),
        [(*(one[name] for name in names), ", ".join(each["path"] for each in one["changes"]) or None) for one in found],
    )


def _expression(deny: Mapping[str, Any]) -> str:
    if "label" in deny:
        return str(deny["label"])
    return "(" + f" {deny['operator']} ".join(map(_expression, deny["operands"])) + ")"


def _outcome(person: Mapping[str, Any]) -> str:
    done = [name for name in ("created", "updated") if person[name]]
    return " and ".join(done) or str(person["outcome"])


def _membership(audience: Mapping[str, Any]) -> str:
    what = audience["change"] or audience["outcome"]
    why = f" ({audience['reason']['message']})" if audience["reason"] else ""
    return f"{audience['name']}: {what}{why}"


def _connections(found: Sequence[Mapping[str, Any]], *, wide: bool) -> None:
    columns = ("id", "name", "munchkin id", "sync type", "status", "held up because")
    names = ("id", "name", "munchkin_id", "sync_type", "status")
    causes = [(one["hold"] or {}).get("cause") for one in found]
    rows = [[*(one[name] for name in names), why] for one, why in zip(found, causes, strict=True)]
    render.table(columns, rows, beside=("sync type", "held up because"), wide=wide)
