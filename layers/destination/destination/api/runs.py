"""Runs as JSON."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Self

from pydantic import Field

from destination.api.audiences import ListOut, ListSizeOut, list_of
from destination.api.representation import Representation, Time
from destination.api.run_reports import report
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import Waiting
from destination.domain.loss import Lost
from destination.domain.outcome import Class
from destination.domain.run import Run, RunStatus
from destination.domain.verification import ListSize

UNKNOWN = "Null where a run is shown for one audience, by which it is not counted."


class Activated(Representation):
    """Persons that were activated, and the changes that were made in Marketo."""

    persons: int
    created: int | None = Field(description=UNKNOWN)
    updated: int | None = Field(description=UNKNOWN)
    added: int | None = Field(description=UNKNOWN)
    removed: int | None = Field(description=UNKNOWN)


class ReasonOut(Representation):
    code: str
    outcome: Class = Field(alias="class")
    count: int
    message: str
    example: str | None = Field(
        description="The pseudonym of one person: 16 digits of the HMAC-SHA256 of the normalised dedupe value."
    )


class AudienceCounts(Representation):
    activation_id: str
    id: str
    namespace: str | None
    name: str | None = Field(description="Null for an audience that is no longer activated.")
    static_list: ListOut | None = Field(
        alias="list", description="The list that it has by now; null: it has none, or is not activated."
    )
    list_size: ListSizeOut | None = Field(description="Null: the list was not verified yet.")
    received: int
    activated: int
    unchanged: int
    excluded: int
    failed: int
    reasons: list[ReasonOut]


class DroppedValues(Representation):
    """Values of a lead field that Marketo cannot take."""

    field: str
    count: int


class WarnedValues(DroppedValues):
    """Values of a lead field that Marketo takes, and the code of what is told of them."""

    code: str


class LossOut(Representation):
    """What the webhook could not take: records and bodies that were rejected, parts of records that were left out."""

    code: str
    outcome: Lost = Field(alias="class")
    count: int
    message: str


class NotArrivedOut(Representation):
    """Who did not arrive: how many, and the call that lists them."""

    persons: int | None = Field(description=UNKNOWN)
    href: str = Field(examples=["/connections/3f0e8a52-6d5b-4a5e-9f57-0c8f3a1d2b4c/runs/2026-11-21T10:00Z/persons"])


class LatencyOut(Representation):
    """From the receipt of activated events to the record of their delivery; percentiles are less than 10 % too high."""

    p50_ms: int
    p95_ms: int
    max_ms: int


class RunOut(Representation):
    """One hour, by the time of receipt: received = activated.persons + unchanged + excluded + failed.

    `ignored` events named no activated audience; `warnings` counts persons with an attribute that was dropped or
    warned of. `rejected` and `left_out` were lost at the webhook and are not received: records, or whole bodies, and
    parts of records; `losses` say why. Of a run that is shown for one audience, `received` to `failed` and `reasons`
    are the audience's.
    """

    id: str = Field(examples=["2026-11-21T10:00Z"])
    status: RunStatus
    received: int
    activated: Activated
    unchanged: int
    excluded: int
    failed: int
    not_arrived: NotArrivedOut = Field(description="The excluded and the failed.")
    warnings: int | None = Field(description=UNKNOWN)
    ignored: int | None = Field(description=UNKNOWN)
    rejected: int | None = Field(description=UNKNOWN)
    left_out: int | None = Field(description=UNKNOWN)
    losses: list[LossOut]
    dropped: list[DroppedValues]
    warned: list[WarnedValues]
    reasons: list[ReasonOut]
    audiences: list[AudienceCounts]
    latency: LatencyOut | None = Field(description="Null while nothing was activated, and for one audience.")
    first_activity_at: datetime | None = Field(description="When the first outcome was recorded.")
    last_activity_at: datetime | None = Field(description="When the last outcome was recorded.")
    marketo_calls: int | None = Field(description=UNKNOWN)

    @classmethod
    def of(
        cls,
        run: Run,
        now: datetime,
        message_of: Callable[[str], str],
        waiting: Waiting | None = None,
        names: Mapping[AudienceKey, str] | None = None,
        activations: Iterable[Activation] = (),
        sizes: Mapping[str, ListSize] = MappingProxyType({}),
        *,
        of_audience: bool = False,
    ) -> Self:
        """`names`: of the audiences that are activated, or were; `activations`: of those that are; `sizes`: of their
        lists, by the ids of the activations; `of_audience`: it is shown for one of them.
        """
        content = report(run, now, message_of, waiting)
        by_activation = {activation_id(audience): name for audience, name in (names or {}).items()}
        activated = {one.id: one for one in activations}
        for one in content["audiences"]:
            activation = activated.get(one["activation_id"])
            one["name"] = by_activation.get(one["activation_id"])
            one["list"] = activation and list_of(activation)
            one["list_size"] = activation and ListSizeOut.of(activation, sizes)
        content["not_arrived"] = {"persons": content["excluded"] + content["failed"], "href": _persons_of(run)}
        if of_audience:
            [only] = content["audiences"]
            href = f"{_persons_of(run)}?activation_id={only['activation_id']}"
            content["not_arrived"] = {"persons": None, "href": href}
        if of_audience:
            content |= dict.fromkeys(("warnings", "ignored", "rejected", "left_out", "marketo_calls"))
            content["activated"] |= dict.fromkeys(("created", "updated", "added", "removed"))
        return cls.model_validate(content)


def _persons_of(run: Run) -> str:
    return f"/connections/{run.connection_id}/runs/{run.id}/persons"


class RunOwner(Representation):
    """The connection that the runs are of, be it that it was deleted since then."""

    name: str
    removed_at: Time | None = Field(description="When it was removed, after a deletion; null: it is there.")


class RunPage(Representation):
    """Oldest first. `cursor`: pass it on to read what follows; null: there is no more."""

    connection: RunOwner
    runs: list[RunOut]
    cursor: str | None
