"""Runs as JSON."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Self

from pydantic import Field

from destination.api.representation import Representation
from destination.domain.outcome import Class
from destination.domain.runs import Run, RunStatus, report


class Activated(Representation):
    """Events' persons that were activated, and what Marketo was told of them."""

    persons: int
    created: int
    updated: int
    added: int
    removed: int


class ReasonOut(Representation):
    code: str
    outcome: Class = Field(alias="class")
    count: int
    message: str


class AudienceCounts(Representation):
    id: str
    namespace: str
    received: int
    activated: int
    unchanged: int
    excluded: int
    failed: int


class RunOut(Representation):
    """One hour, by the time of receipt: received = activated.persons + unchanged + excluded + failed.

    `ignored` events named no activated audience; `warnings` counts persons with an attribute that was dropped.
    """

    id: str = Field(examples=["2026-11-21T10:00Z"])
    status: RunStatus
    received: int
    activated: Activated
    unchanged: int
    excluded: int
    failed: int
    warnings: int
    ignored: int
    reasons: list[ReasonOut]
    audiences: list[AudienceCounts]
    marketo_calls: int

    @classmethod
    def of(cls, run: Run, now: datetime, message_of: Callable[[str], str]) -> Self:
        return cls.model_validate(report(run, now, message_of))


class RunList(Representation):
    """Oldest first."""

    runs: list[RunOut]

    @classmethod
    def of(cls, runs: Iterable[Run], now: datetime, message_of: Callable[[str], str]) -> Self:
        return cls(runs=[RunOut.of(run, now, message_of) for run in runs])
