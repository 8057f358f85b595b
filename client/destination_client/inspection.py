"""Commands that read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from destination_client import events, render
from destination_client.context import FAILED, ConnectionId, Json, ReadableFile, chosen
from destination_client.describe import document_of, written
from destination_client.http import at
from destination_client.plan import Present
from destination_client.target import Target

Time = Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601, as 2026-11-21T10:00:00Z.")]

_RESULTS = {True: "ok", False: "failed", None: "not checked"}
_RUN = ("received", "activated", "unchanged", "excluded", "failed")
_MARKETO = ("created", "updated", "added", "removed")


def list_connections(context: typer.Context, as_json: Json = False) -> None:
    """List the connections, with their status."""
    found = list(chosen(context).api.connections())
    if as_json:
        render.as_json(found)
    else:
        _connections(found)


def show(
    context: typer.Context,
    connection_id: ConnectionId,
    as_json: Json = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print it as a file for `destination apply`.")] = False,
) -> None:
    """Show a connection with its audiences."""
    api = chosen(context).api
    connection = api.get(at(connection_id))
    audiences = api.get(at(connection_id, "audiences"))["audiences"]
    if as_json:
        render.as_json({**connection, "audiences": audiences})
        return
    if as_yaml:
        typer.echo(written(document_of(Present(connection, audiences))), nl=False)
        return
    render.members(connection)
    render.text()
    columns = ("audience", "namespace", "name", "list", "list name", "start", "end")
    lists = [one["list"] or {} for one in audiences]
    render.table(
        columns,
        [
            (one["id"], one["namespace"], one["name"], kept.get("id"), kept.get("name"), one["start"], one["end"])
            for one, kept in zip(audiences, lists, strict=True)
        ],
    )


def status(context: typer.Context, as_json: Json = False) -> None:
    """Tell whether anything is held up: the connections, the queue, the dead letters."""
    target = chosen(context)
    connections, queues = list(target.api.connections()), _queues(target)
    if as_json:
        render.as_json({"connections": connections, "queues": queues})
        return
    render.note(target.name)
    _connections(connections)
    render.text()
    render.table(
        ("queue", "waiting", "in work", "delayed"), [(name, *counts.values()) for name, counts in queues.items()]
    )


def runs(
    context: typer.Context,
    connection_id: ConnectionId,
    first: Annotated[str | None, typer.Option("--from", metavar="TIME", help="ISO 8601; a day before the end.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="ISO 8601; now, or a day after --from.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell who arrived and who did not, hour by hour."""
    period = {"from": first, "to": last}
    found = list(chosen(context).api.pages(at(connection_id, "runs"), "runs", **period))
    if as_json:
        render.as_json(found)
        return
    render.table(
        ("hour", "status", *_RUN, *_MARKETO, "warnings", "calls"),
        [
            (one["id"], one["status"], *_counts(one), *_told(one), one["warnings"], one["marketo_calls"])
            for one in found
        ],
    )


def run(
    context: typer.Context,
    connection_id: ConnectionId,
    hour: Annotated[str, typer.Argument(metavar="HOUR", help="As `destination runs` shows it: 2026-11-21T10:00Z.")],
    as_json: Json = False,
) -> None:
    """Show an hour: counts, audiences, and why people did not arrive."""
    found = chosen(context).api.get(at(connection_id, "runs", hour))
    if as_json:
        render.as_json(found)
        return
    render.members({name: value for name, value in found.items() if name not in {"reasons", "audiences"}})
    if found["audiences"]:
        render.text()
        render.table(
            ("audience", "namespace", *_RUN),
            [[one[name] for name in ("id", "namespace", *_RUN)] for one in found["audiences"]],
        )
    if found["reasons"]:
        render.text()
        names = ("code", "class", "count", "message", "example")
        reasons = [[one[name] for name in names] for one in found["reasons"]]
        render.table(("reason", "class", "count", "meaning", "for example"), reasons)


def checks(
    context: typer.Context,
    connection_id: ConnectionId,
    sample: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="An event as the source sends it, to be mapped."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try a connection against Marketo before events depend on it. Exits with 1 if a check fails."""
    content = {} if sample is None else {"sample": events.content_of(sample)}
    answer = chosen(context).api.post(at(connection_id, "checks"), content)
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


def preview(context: typer.Context, connection_id: ConnectionId, file: ReadableFile, as_json: Json = False) -> None:
    """Tell what the delivery of a file of events would do. Nothing is written, to Marketo or elsewhere."""
    answer = chosen(context).api.post(at(connection_id, "previews"), events.read(file))
    if as_json:
        render.as_json(answer)
        return
    render.table(
        ("record", "person", "outcome", "reason", "lead", "fields", "left out", "audiences"),
        [
            (
                one["index"],
                one["person"],
                _outcome(one),
                one["reason"] and one["reason"]["message"],
                one["lead_id"],
                ", ".join(one["fields"]) or None,
                "; ".join(f"{dropped['field']}: {dropped['message']}" for dropped in one["dropped"]) or None,
                "; ".join(_membership(audience) for audience in one["audiences"]) or None,
            )
            for one in answer["persons"]
        ],
    )
    for said in ("rejected", "warnings"):
        for record in answer[said]:
            for problem in record["errors"]:
                render.text(f"{said}: [{record['index']}] {problem['path']}: {problem['message']}", style="yellow")
    render.text()
    render.members({**answer["summary"], "marketo_calls": answer["calls"]})


def _outcome(person: Mapping[str, Any]) -> str:
    done = [name for name in ("created", "updated") if person[name]]
    return " and ".join(done) or str(person["outcome"])


def _membership(audience: Mapping[str, Any]) -> str:
    what = audience["change"] or audience["outcome"]
    why = f" ({audience['reason']['message']})" if audience["reason"] else ""
    return f"{audience['name']}: {what}{why}"


def _connections(found: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "name", "munchkin id", "sync type", "status", "blocked because")
    names = ("id", "name", "munchkin_id", "sync_type", "status", "blocked_cause")
    render.table(columns, [[one[name] for name in names] for one in found])


def _queues(target: Target) -> dict[str, dict[str, int]]:
    sqs = target.sqs()
    found = {}
    for name, url in (("events", target.queue_url), ("dead letters", target.dead_letter_queue_url)):
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found[name] = {
            "waiting": int(told["ApproximateNumberOfMessages"]),
            "in_work": int(told["ApproximateNumberOfMessagesNotVisible"]),
            "delayed": int(told["ApproximateNumberOfMessagesDelayed"]),
        }
    return found


def _counts(run: Mapping[str, Any]) -> list[object]:
    return [run["activated"]["persons"] if name == "activated" else run[name] for name in _RUN]


def _told(run: Mapping[str, Any]) -> list[object]:
    return [run["activated"][name] for name in _MARKETO]
