"""Runs: one connection's hour, its counters, per audience, with reasons. The hour is that of the events' receipt."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from destination.domain.connection import AudienceKey
from destination.domain.outcome import OUTSIDE_SCHEDULE, SUPERSEDED, Class, Reason
from destination.domain.person import Unit
from destination.domain.settle import Settled

ACTIVATED = Class.ACTIVATED.value
_PER_AUDIENCE = ("received", *(one.value for one in Class))
RETENTION = timedelta(days=90)
CLOSES_AFTER = timedelta(minutes=5)
"""How long after its hour a run counts as processing: deliveries of the last minutes are still on their way."""


class RunStatus(StrEnum):
    PROCESSING = "processing"
    COMPLETED = "completed"


@dataclass(slots=True)
class Tally:
    """Counters that add up. `received = activated + unchanged + excluded + failed`, in all and per audience.

    `counts` are keyed by class, and by `received`, `ignored`, `warnings`, `created`, `updated`, `added`, `removed` and
    `marketo_calls`. Classes, `received` and `warnings` count events' persons; the changes count what Marketo was told.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    audiences: defaultdict[AudienceKey, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, other: "Tally") -> None:
        self.counts.update(other.counts)
        self.reasons.update(other.reasons)
        for audience, counts in other.audiences.items():
            self.audiences[audience].update(counts)

    def count(self, unit: Unit, reason: Reason | None, audiences: Mapping[AudienceKey, Reason | None]) -> None:
        """Count one unit, in all and for each of its audiences; no reason means activated."""
        self.counts["received"] += 1
        self.counts[_class_of(reason)] += 1
        if unit.dropped:
            self.counts["warnings"] += 1
        if reason:
            self.reasons[reason] += 1
        for membership in unit.memberships:
            why = audiences.get(membership.audience, SUPERSEDED)
            counts = self.audiences[membership.audience]
            counts["received"] += 1
            counts[_class_of(why)] += 1
        for membership in unit.unscheduled:
            self.audiences[membership.audience].update(("received", OUTSIDE_SCHEDULE.outcome.value))


@dataclass(frozen=True, slots=True)
class Run:
    """One connection's hour as stored; `version` counts its writes."""

    connection_id: str
    id: str
    version: int = 0
    tally: Tally = field(default_factory=Tally)


def run_id(received_at: datetime) -> str:
    """The hour's name, e.g. `2026-11-21T10:00Z`."""
    return received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:00Z")


def hour_of(run: str) -> datetime:
    """The start of the hour with this name. Raises ValueError when it is no run's id."""
    return datetime.strptime(run, "%Y-%m-%dT%H:00Z").replace(tzinfo=UTC)


def status_at(run: str, now: datetime) -> RunStatus:
    closes = hour_of(run) + timedelta(hours=1) + CLOSES_AFTER
    return RunStatus.COMPLETED if now >= closes else RunStatus.PROCESSING


def tally_persons(settled: Iterable[Settled]) -> defaultdict[str, Tally]:
    """Count persons' units, each in the run of its receipt; what Marketo was told counts with the newest unit."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for one in settled:
        for unit in one.person.units:
            superseded = unit.origin in one.person.superseded
            reason = SUPERSEDED if superseded else one.outcome.reason
            tallies[unit.origin.run_id].count(unit, reason, {} if superseded else one.outcome.audiences)
        newest = max(one.person.units, key=lambda unit: unit.at)
        counts = tallies[newest.origin.run_id].counts
        counts["created"] += one.outcome.created
        counts["updated"] += one.outcome.updated
        counts["added"] += one.outcome.added
        counts["removed"] += one.outcome.removed
    return tallies


def tally_ignored(events: int) -> Tally:
    """Count events that do not concern the connection; they are not received."""
    return Tally(Counter(ignored=events))


def report(run: Run, now: datetime, message_of: Callable[[str], str]) -> dict[str, Any]:
    """The run as people and programs read it; `message_of` gives the sentence for a reason code."""
    counts = run.tally.counts
    changes = {name: counts[name] for name in ("created", "updated", "added", "removed")}
    return {
        "id": run.id,
        "status": status_at(run.id, now).value,
        "received": counts["received"],
        "activated": {**changes, "persons": counts[ACTIVATED]},
        "unchanged": counts[Class.UNCHANGED],
        "excluded": counts[Class.EXCLUDED],
        "failed": counts[Class.FAILED],
        "ignored": counts["ignored"],
        "warnings": counts["warnings"],
        "reasons": [
            {"code": why.code, "class": why.outcome.value, "count": count, "message": message_of(why.code)}
            for why, count in sorted(run.tally.reasons.items(), key=lambda one: (-one[1], one[0].code))
        ],
        "audiences": [
            {"id": audience.id, "namespace": audience.namespace, **{name: counted[name] for name in _PER_AUDIENCE}}
            for audience, counted in sorted(run.tally.audiences.items())
        ],
        "marketo_calls": counts["marketo_calls"],
    }


def _class_of(reason: Reason | None) -> str:
    return reason.outcome.value if reason else ACTIVATED
