"""Runs as JSON."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Self

from pydantic import Field

from destination.api.representation import Representation
from destination.domain.outcome import Class, Reason
from destination.domain.runs import Run, RunStatus, status_at


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
    def of(cls, run: Run, now: datetime, explain: Callable[[Reason], str]) -> Self:
        counts, tally = run.tally.counts, run.tally
        changes = ("created", "updated", "added", "removed")
        plain = ("received", "unchanged", "excluded", "failed", "warnings", "ignored", "marketo_calls")
        return cls(
            id=run.id,
            status=status_at(run.id, now),
            activated=Activated(persons=counts["activated"], **_named(counts, changes)),
            reasons=[
                ReasonOut.model_validate(
                    {"code": reason.code, "class": reason.outcome, "count": count, "message": explain(reason)}
                )
                for reason, count in tally.reasons.most_common()
            ],
            audiences=[
                AudienceCounts(id=audience.id, namespace=audience.namespace, **_named(of_it, ("received", *Class)))
                for audience, of_it in sorted(tally.audiences.items())
            ],
            **_named(counts, plain),
        )


class RunList(Representation):
    """Oldest first."""

    runs: list[RunOut]

    @classmethod
    def of(cls, runs: Iterable[Run], now: datetime, explain: Callable[[Reason], str]) -> Self:
        return cls(runs=[RunOut.of(run, now, explain) for run in runs])


def _named(counts: Counter[str], names: Iterable[str]) -> dict[str, int]:
    return {str(name): counts[name] for name in names}
