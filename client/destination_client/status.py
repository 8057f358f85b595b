"""The command that shows whether anything is held up."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import typer

from destination.domain.times import parse_time
from destination_client import held_up, render
from destination_client.context import Json, chosen, now
from destination_client.dead_letters import number
from destination_client.http import Api, at
from destination_client.runs import LINES, counts, course, hours
from destination_client.sparkline import sparkline

AT_ONCE: Final = 8
"""How many calls are made at a time."""

NOT_PERMITTED: Final = "not permitted"


@dataclass(frozen=True, slots=True)
class Overview:
    """A connection as it stands: how it is shown, its runs of a day, its triggered alerts, its letters, and what waits.

    `alerts`, `letters`: None, if the caller may not see them. `parking`: what holds the connection up, and what is
    parked of it.
    """

    connection: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]] | None
    letters: Mapping[str, Any] | None
    parking: Mapping[str, Any]

    @classmethod
    def of(cls, api: Api, connection: Mapping[str, Any]) -> "Overview":
        its = partial(at, connection["id"])
        runs = list(api.pages(its("runs"), "runs"))
        alerts, letters = (
            _triggered(api.get_if_permitted(its("alerts"), limit="1")),
            api.get_if_permitted(its("letters")),
        )
        return cls(connection, runs, alerts, letters, api.get(its("parking")))

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
    """Show whether anything is held up: connections, what arrived of late, letters, alerts, the dead letters."""
    target = chosen(context)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        looked = threads.submit(target.api.get_if_permitted, "/dead-letters")  # takes seconds, so it goes first
        connections = list(target.api.connections())
        with render.progress("looking at the connections", len(connections)) as bar:
            overviews = bar.following(threads.map(partial(Overview.of, target.api), connections))
    dead_letters = looked.result()
    if as_json:
        shown = [
            {
                **one.connection,
                "parking": one.parking,
                "letters": one.letters,
                "last_run": one.last,
                "triggered": one.alerts,
            }
            for one in overviews
        ]
        render.as_json({"connections": shown, "dead_letters": dead_letters})
        return
    render.note(target.name)
    names = ("id", "name", "munchkin_id", "status")
    render.table(
        (
            "id",
            "name",
            "munchkin id",
            "status",
            "held up because",
            "until",
            "parked",
            "waiting since",
            "letters",
            "alerts",
        ),
        [(*(one.connection[name] for name in names), *_waiting(one), *_failing(one)) for one in overviews],
    )
    for one in overviews:
        for line in held_up.lines(one.parking["hold"]):
            render.text(f"{one.connection['name']}: {line}")
    render.text()
    day = hours(None, None, now(context))
    render.table(
        ("name", "received in a day", "last hour", *LINES),
        [(one.connection["name"], *_late(one, day)) for one in overviews],
    )
    render.text()
    render.text(f"dead letters: {NOT_PERMITTED if dead_letters is None else number(dead_letters)}")


def _triggered(alerts: Mapping[str, Any] | None) -> list[Mapping[str, Any]] | None:
    return None if alerts is None else [one for one in alerts["alerts"] if one["status"] == "triggered"]


def _waiting(overview: Overview) -> list[object]:
    """What holds the connection up and until when, how many events are parked, and since when any wait."""
    hold = overview.parking["hold"] or {"cause": None, "until": None}
    return [hold["cause"], hold["until"], overview.parking["events"], overview.waiting_since]


def _failing(overview: Overview) -> list[object]:
    """How many letters there are, and which alerts are triggered."""
    letters, alerts = overview.letters, overview.alerts
    return [
        NOT_PERMITTED if letters is None else letters["events"],
        NOT_PERMITTED if alerts is None else ", ".join(one["alert"] for one in alerts) or None,
    ]


def _late(overview: Overview, day: Sequence[str]) -> list[object]:
    """How the day went, and the figures of its last hour that had events."""
    line, last = sparkline(course(overview.runs, day, "received")), overview.last
    if last is None:
        return [line, *[None] * (1 + len(LINES))]
    received, activated, _, excluded, failed = counts(last)
    return [line, last["id"], received, activated, excluded, failed]
