"""Commands that show what became of events."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer

from destination.domain.run import hour_of, run_id
from destination.domain.times import parse_time
from destination_client import render
from destination_client.activations import activation_meant
from destination_client.context import Audience, ConnectionName, Json, Namespace, Wide, meant, now
from destination_client.http import at
from destination_client.sparkline import per_letter, sparkline

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
COUNTS: Final = ("received", "activated", "unchanged", "excluded", "failed")
LINES: Final = ("received", "activated", "excluded", "failed")
_MARKETO = ("created", "updated", "added", "removed")
_BESIDE = ("rejected", "warnings")
_MILLISECONDS, _SECONDS = 1_000, 120


def runs(
    context: typer.Context,
    connection: ConnectionName,
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="ISO 8601; by default a day before the end.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="ISO 8601; by default a day after --from, else now.")
    ] = None,
    audience: Audience = None,
    namespace: Namespace = None,
    failures_only: Annotated[bool, typer.Option("--failures-only", help="Only hours with failed persons.")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show who arrived and who did not, hour by hour."""
    api, connection_id = meant(context, connection)
    only = activation_meant(api, connection_id, audience, namespace)
    wanted = {"from": first, "to": last, "activation_id": only}
    if failures_only:
        wanted["failures_only"] = "true"
    found = list(api.pages(at(connection_id, "runs"), "runs", **wanted))
    if as_json:
        render.as_json(found)
        return
    render.table(
        ("hour", "status", *COUNTS, *_MARKETO, *_BESIDE, "calls"),
        [
            (
                one["id"],
                one["status"],
                *counts(one),
                *_told(one),
                *(one[name] for name in _BESIDE),
                one["marketo_calls"],
            )
            for one in found
        ],
        beside=("status", *_MARKETO, "warnings", "calls"),
        wide=wide,
    )
    if found and not failures_only:
        render.text()
        _course(found, hours(first, last, now(context)))


def run(
    context: typer.Context,
    connection: ConnectionName,
    hour: Annotated[
        str, typer.Argument(metavar="HOUR", help="The hour as `destination runs` shows it, such as 2026-11-21T10:00Z.")
    ],
    audience: Audience = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Show an hour: counts, how long it took, audiences, and why people did not arrive."""
    api, connection_id = meant(context, connection)
    only = activation_meant(api, connection_id, audience, namespace)
    found = api.get(at(connection_id, "runs", hour), activation_id=only)
    if as_json:
        render.as_json(found)
        return
    apart = {"losses", "reasons", "audiences", "latency", "not_arrived"}
    render.properties({name: value for name, value in found.items() if name not in apart})
    if latency := found["latency"]:
        render.text()
        names = ("p50", "p95", "max")
        render.table(("from receipt to delivery", *names), [("", *(duration(latency[f"{name}_ms"]) for name in names))])
    if found["audiences"]:
        render.text()
        render.table(
            ("audience", "name", "namespace", "list", "people", *COUNTS),
            [
                [
                    *(one[name] for name in ("id", "name", "namespace")),
                    (one["list"] or {}).get("name"),
                    (one["list_size"] or {}).get("people"),
                    *(one[name] for name in COUNTS),
                ]
                for one in found["audiences"]
            ],
        )
    if found["losses"]:
        render.text()
        losses = [[one[name] for name in ("code", "class", "count", "message")] for one in found["losses"]]
        render.table(("lost at the webhook", "class", "count", "meaning"), losses)
    if found["reasons"]:
        render.text()
        properties = ("code", "class", "count", "message", "example")
        reasons = [[one[name] for name in properties] for one in found["reasons"]]
        render.table(("reason", "class", "count", "meaning", "for example"), reasons)


def hours(first: str | None, last: str | None, now: datetime) -> list[str]:
    """The hours of a period, by their runs' ids; without an end or a beginning it is a day, up to now."""
    end = parse_time(last) if last else parse_time(first) + DAY if first else now
    hour, end = hour_of(run_id(parse_time(first) if first else end - DAY)), min(end, now)
    found = []
    while hour <= end:
        found.append(run_id(hour))
        hour += HOUR
    return found


def counts(run: Mapping[str, Any]) -> list[int]:
    """`COUNTS` of a run."""
    return [_count(run, name) for name in COUNTS]


def course(found: Sequence[Mapping[str, Any]], of: Sequence[str], name: str) -> list[int]:
    """One of the counts, for each of some hours."""
    by_hour = {one["id"]: _count(one, name) for one in found}
    return [by_hour.get(hour, 0) for hour in of]


def duration(milliseconds: int) -> str:
    """For people: `840 ms`, `3.2 s`, `0:12:30`."""
    if milliseconds < _MILLISECONDS:
        return f"{milliseconds} ms"
    if milliseconds < _SECONDS * _MILLISECONDS:
        return f"{milliseconds / _MILLISECONDS:.1f} s"
    return str(timedelta(seconds=round(milliseconds / _MILLISECONDS)))


def _course(found: Sequence[Mapping[str, Any]], of: Sequence[str]) -> None:
    step = per_letter(len(of))
    heading = f"{of[0]} to {of[-1]}" + (f", {step} hours per character" if step > 1 else "")
    numbers = {name: course(found, of, name) for name in LINES}
    render.table(
        (heading, "", "highest hour", "sum"),
        [(name, sparkline(each), max(each), sum(each)) for name, each in numbers.items()],
    )


def _count(run: Mapping[str, Any], name: str) -> int:
    return int(run["activated"]["persons"] if name == "activated" else run[name])


def _told(run: Mapping[str, Any]) -> list[object]:
    return [run["activated"][name] for name in _MARKETO]
