"""The command that shows whether anything is held up."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import typer

from destination.domain.times import parse_time
from destination_client import render
from destination_client.context import Json, chosen, now
from destination_client.errors import ApiRefusedError
from destination_client.http import Api, at
from destination_client.runs import LINES, counts, course, hours
from destination_client.sparkline import sparkline
from destination_client.target import Target

FORBIDDEN: Final = 403

AT_ONCE: Final = 8
"""How many connections are asked about at a time."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A connection as it stands: how it is shown, its runs of the last day, its triggered alerts, and what waits.

    `alerts`: None, if the caller may not see them. `parking`: what holds the connection up, and what is parked of it.
    """

    connection: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]] | None
    parking: Mapping[str, Any]

    @classmethod
    def of(cls, api: Api, connection: Mapping[str, Any]) -> "Overview":
        its = partial(at, connection["id"])
        runs = list(api.pages(its("runs"), "runs"))
        return cls(connection, runs, _triggered(api, connection["id"]), api.get(its("parking")))

    @property
    def waiting_since(self) -> str | None:
        """When its oldest event was received that is parked, or is tried again within minutes."""
        times = (self.parking["oldest_at"], self.parking["queued_since"])
        return min((one for one in times if one is not None), key=parse_time, default=None)

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The run of the last hour that had events."""
        return self.runs[-1] if self.runs else None


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show whether anything is held up: connections, what arrived of late, alerts, the queue, the dead letters."""
    target = chosen(context)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        overviews = list(threads.map(partial(Overview.of, target.api), target.api.connections()))
    queues = _queues(target)
    if as_json:
        shown = [
            {**one.connection, "parking": one.parking, "last_run": one.last, "triggered": one.alerts}
            for one in overviews
        ]
        render.as_json({"connections": shown, "queues": queues})
        return
    render.note(target.name)
    names = ("id", "name", "munchkin_id", "status")
    render.table(
        ("id", "name", "munchkin id", "status", "held up because", "until", "parked", "waiting since", "alerts"),
        [(*(one.connection[name] for name in names), *_waiting(one), _alerts(one)) for one in overviews],
    )
    render.text()
    day = hours(None, None, now(context))
    render.table(
        ("name", "received in a day", "last hour", *LINES),
        [(one.connection["name"], *_late(one, day)) for one in overviews],
    )
    render.text()
    render.table(
        ("queue", "waiting", "in flight", "delayed"), [(name, *numbers.values()) for name, numbers in queues.items()]
    )


def _triggered(api: Api, connection_id: str) -> list[Mapping[str, Any]] | None:
    try:
        alerts = api.get(at(connection_id, "alerts"), limit="1")["alerts"]
    except ApiRefusedError as error:
        if error.status != FORBIDDEN:
            raise
        return None
    return [one for one in alerts if one["status"] == "triggered"]


def _waiting(overview: Overview) -> list[object]:
    """What holds the connection up and until when, how many events are parked, and since when any wait."""
    hold = overview.parking["hold"] or {"cause": None, "until": None}
    return [hold["cause"], hold["until"], overview.parking["events"], overview.waiting_since]


def _alerts(overview: Overview) -> str | None:
    if overview.alerts is None:
        return "not permitted"
    return ", ".join(one["alert"] for one in overview.alerts) or None


def _late(overview: Overview, day: Sequence[str]) -> list[object]:
    """How the day went, and the figures of its last hour that had events."""
    line, last = sparkline(course(overview.runs, day, "received")), overview.last
    if last is None:
        return [line, *[None] * (1 + len(LINES))]
    received, activated, _, excluded, failed = counts(last)
    return [line, last["id"], received, activated, excluded, failed]


def _queues(target: Target) -> dict[str, dict[str, int]]:
    sqs = target.sqs()
    found = {}
    for name, url in (("events", target.queue_url), ("dead letters", target.dead_letter_queue_url)):
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found[name] = {
            "waiting": int(told["ApproximateNumberOfMessages"]),
            "in_flight": int(told["ApproximateNumberOfMessagesNotVisible"]),
            "delayed": int(told["ApproximateNumberOfMessagesDelayed"]),
        }
    return found
