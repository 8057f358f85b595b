"""The commands for a first look: how all connections are, and who asks."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer

from destination_client import held_up, render
from destination_client.context import Json, chosen

COUNTED: Final = ("received", "activated", "unchanged", "excluded", "failed", "rejected")


def overview(context: typer.Context, as_json: Json = False) -> None:
    """Show how all connections are: what holds them up and what to do, what waits, how the day went, alerts.

    One call, however many connections there are.
    """
    target = chosen(context)
    found = target.api.get("/overview")
    if as_json:
        render.as_json(found)
        return
    render.note(target.name)
    for number, one in enumerate(found["connections"]):
        if number:
            render.text()
        for line in _lines(one):
            render.text(line)


def whoami(context: typer.Context, as_json: Json = False) -> None:
    """Show as whom the stack knows you, and how to see which policies you have."""
    me = chosen(context).api.get("/me")
    if as_json:
        render.as_json(me)
        return
    render.text(f"caller: {me['caller']}")
    render.text(f"kind: {me['kind']}")
    if me["name"] is not None:
        render.text(f"name: {me['name']}")
        render.text(f"policies: {me['shows_policies']}")


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Of one connection; each begins with what it is about, so that none is cut on a narrow screen."""
    parking, letters = one["parking"], one["letters"]
    yield f"{one['name']}: {one['status']}"
    yield f"  id: {one['id']} on {one['munchkin_id']}"
    yield from (f"  {line}" for line in held_up.lines(parking["hold"]))
    if parking["queued_since"] is not None:
        yield f"  in the queue: events since {parking['queued_since']}, tried again in minutes"
    if parking["events"]:
        yield f"  parked: {render.counted(parking['events'], 'event')}, the oldest of {parking['oldest_at']}"
    if letters["events"]:
        yield f"  letters: {letters['events']}, the first of {letters['first_at']}"
        yield f"    kept until: {letters['expires_at']}"
    yield "  last day: " + ", ".join(f"{one['last_day'][name]} {name}" for name in COUNTED)
    for alert in one["alerts"]:
        yield f"  alert: {alert['alert']} since {alert['since']}"
